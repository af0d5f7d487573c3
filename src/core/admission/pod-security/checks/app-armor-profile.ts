/** appArmorProfile: a pod may not switch its host's AppArmor profile off. */
import { type Check, containersOf, type JudgedPod, plural, quoted, settersText, type Violation } from "../check.ts";

const ANNOTATION_PREFIX = "container.apparmor.security.beta.kubernetes.io/";

const isAllowedType = (type: string): boolean => type === "RuntimeDefault" || type === "Localhost";
const isAllowedAnnotation = (value: string): boolean => value === "" || value === "runtime/default" || value.startsWith("localhost/");

function judge({ annotations, spec }: JudgedPod): Violation | undefined {
	const ofPod = spec.securityContext?.appArmorProfile?.type;
	const podIsBad = ofPod !== undefined && !isAllowedType(ofPod);
	const bad = containersOf(spec).filter(({ securityContext }) => securityContext?.appArmorProfile && !isAllowedType(securityContext.appArmorProfile.type));
	const types = new Set([...(podIsBad ? [ofPod] : []), ...bad.map(({ securityContext }) => securityContext?.appArmorProfile?.type ?? "")]);
	const refused = Object.entries(annotations).filter(([key, value]) => key.startsWith(ANNOTATION_PREFIX) && !isAllowedAnnotation(value));
	const values = [...[...types].sort(), ...refused.map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort()];
	if (values.length === 0) return undefined;
	const setters = [
		settersText(
			podIsBad,
			bad.map(({ name }) => name),
		),
		refused.length > 0 ? plural(refused.length, "annotation") : "",
	].filter((text) => text !== "");
	return {
		reason: plural(values.length, "forbidden AppArmor profile"),
		detail: `${setters.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
	};
}

export const appArmorProfile: Check = { id: "appArmorProfile", level: "baseline", versions: [{ since: 0, judge }] };

/** seLinuxOptions: only a container's own SELinux types, no user or role. */
import type { SELinuxOptions } from "../../../schema/kubernetes.d.ts";
import { type Check, containersOf, type JudgedPod, plural, quotedSet, settersText, type Violation } from "../check.ts";

const TYPES = ["", "container_t", "container_init_t", "container_kvm_t"];

const judgeWith =
	(types: readonly string[]) =>
	({ spec }: JudgedPod): Violation | undefined => {
		const isBad = (options: SELinuxOptions | undefined): options is SELinuxOptions =>
			options !== undefined && (!types.includes(options.type ?? "") || Boolean(options.user) || Boolean(options.role));
		const ofPod = spec.securityContext?.seLinuxOptions;
		const containers = containersOf(spec).filter(({ securityContext }) => isBad(securityContext?.seLinuxOptions));
		const bad = [ofPod, ...containers.map(({ securityContext }) => securityContext?.seLinuxOptions)].filter(isBad);
		if (bad.length === 0) return undefined;
		const badTypes = new Set(bad.map(({ type = "" }) => type).filter((type) => !types.includes(type)));
		const setters = settersText(
			isBad(ofPod),
			containers.map(({ name }) => name),
		);
		const values = [
			...(badTypes.size > 0 ? [`${plural(badTypes.size, "type")} ${quotedSet(badTypes)}`] : []),
			...(bad.some(({ user }) => user) ? ["user may not be set"] : []),
			...(bad.some(({ role }) => role) ? ["role may not be set"] : []),
		];
		return { reason: "seLinuxOptions", detail: `${setters} set forbidden securityContext.seLinuxOptions: ${values.join("; ")}` };
	};

export const seLinuxOptions: Check = {
	id: "seLinuxOptions",
	level: "baseline",
	versions: [
		{ since: 0, judge: judgeWith(TYPES) },
		{ since: 31, judge: judgeWith([...TYPES, "container_engine_t"]) },
	],
};

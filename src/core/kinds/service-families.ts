/** The IP families of a Service: initIPFamilyFields of pkg/registry/core/service/storage/alloc.go, and the rules that go with it. */
import { duplicate, type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { invalidObject } from "../errors/status-error.ts";
import { ipAddress, type IPFamily, ipFamily } from "../meta/address.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Service, ServiceSpec } from "../schema/kubernetes.d.ts";
import { HEADLESS, needsClusterIp } from "./service-allocation.ts";

const FAMILIES: readonly IPFamily[] = ["IPv4", "IPv6"];
const FAMILY_POLICIES = ["PreferDualStack", "RequireDualStack", "SingleStack"];
const SINGLE_STACK = "SingleStack";
const ADDRESSES_MAX = 2;
const POLICY = "spec.ipFamilyPolicy";
const SET_ONCE = "may not change once set";

const otherFamily = (family: string | undefined): IPFamily => (family === "IPv4" ? "IPv6" : "IPv4");
const isHeadless = ({ clusterIP }: ServiceSpec): boolean => clusterIP === HEADLESS;
const isSelectorlessHeadless = (spec: ServiceSpec): boolean => isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
const isSame = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean => semanticEqual(a ?? [], b ?? []);

/** normalizeClusterIPs: who knows one of the two fields alone need not know the other. */
export function pairClusterIps(next: ServiceSpec, old: ServiceSpec | undefined): void {
	if (old === undefined) {
		if (next.clusterIP && !next.clusterIPs?.length) next.clusterIPs = [next.clusterIP];
		return;
	}
	if (old.clusterIPs?.length && !next.clusterIPs?.length && old.clusterIP === next.clusterIP) next.clusterIPs = [...old.clusterIPs];
	if (old.clusterIP === next.clusterIP) return;
	if (!next.clusterIPs?.length) {
		if (next.clusterIP) next.clusterIPs = [next.clusterIP];
	} else if (isSame(old.clusterIPs, next.clusterIPs)) {
		if (!next.clusterIP) delete next.clusterIPs;
		else next.clusterIPs = [next.clusterIP, ...next.clusterIPs.slice(1)];
	}
}

/** A PreferDualStack Service is neither upgraded nor downgraded without being asked, whatever becomes of the cluster. */
function staysAsPreferred(next: ServiceSpec, old: ServiceSpec | undefined): boolean {
	if (old?.ipFamilyPolicy !== "PreferDualStack" || (next.ipFamilyPolicy ?? old.ipFamilyPolicy) !== "PreferDualStack") return false;
	const stays = isSame(next.clusterIPs, old.clusterIPs) && isSame(next.ipFamilies, old.ipFamilies);
	if (stays) next.ipFamilyPolicy = "PreferDualStack";
	return stays;
}

function defaultPolicy(spec: ServiceSpec, old: ServiceSpec | undefined): string {
	return old?.ipFamilyPolicy ?? (isSelectorlessHeadless(spec) ? "RequireDualStack" : SINGLE_STACK);
}

/**
 * Fills in the families that the Service does not name, out of those of the cluster, the first of which is the default.
 * @throws StatusError 422 as upstream, before anything else of the Service is looked at.
 */
export function initFamilies(service: Service, old: Service | undefined, cluster: readonly IPFamily[]): void {
	const spec = service.spec;
	if (!spec || !needsClusterIp(service) || staysAsPreferred(spec, old?.spec)) return;
	spec.ipFamilyPolicy ??= defaultPolicy(spec, old?.spec);
	const refuse = (errors: readonly FieldError[]): void => {
		if (errors.length > 0) throw invalidObject("", "Service", service.metadata.name ?? "", errors);
	};
	// The validation of the whole says so.
	if (validateClusterIps(spec).length > 0) return;
	refuse([...(old?.spec ? release(spec, old.spec) : []), ...singleStackErrors(spec), ...familiesOfAddresses(spec, cluster)]);
	const families = spec.ipFamilies ?? [];
	if (isSelectorlessHeadless(spec)) {
		// Of what nobody selects the cluster cannot know the families: two are right even where it has one.
		spec.ipFamilies = complete(families, spec.ipFamilyPolicy, cluster[0], true);
		return;
	}
	const errors = families.flatMap((family, index) =>
		cluster.includes(family as IPFamily) ? [] : [invalid(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")],
	);
	if (spec.ipFamilyPolicy === "RequireDualStack" && cluster.length < ADDRESSES_MAX)
		errors.unshift(invalid(POLICY, spec.ipFamilyPolicy, "this cluster is not configured for dual-stack services"));
	refuse(errors);
	spec.ipFamilies = complete(families, spec.ipFamilyPolicy, cluster[0], cluster.length === ADDRESSES_MAX);
}

function complete(families: readonly string[], policy: string, first: string | undefined, canBeDual: boolean): string[] {
	const given = families.length > 0 ? [...families] : [first ?? "IPv4"];
	return policy !== SINGLE_STACK && canBeDual && given.length === 1 ? [...given, otherFamily(given[0])] : given;
}

/** To be of one family is to ask for it: what was the second is let go, unless it is touched as well. */
function release(next: ServiceSpec, old: ServiceSpec): FieldError[] {
	if (next.ipFamilyPolicy === SINGLE_STACK) {
		if (isSame(old.clusterIPs, next.clusterIPs)) next.clusterIPs = next.clusterIPs?.slice(0, 1);
		if (isSame(old.ipFamilies, next.ipFamilies)) next.ipFamilies = next.ipFamilies?.slice(0, 1);
		return [];
	}
	const errors: FieldError[] = [];
	const isReduced = (field: "clusterIPs" | "ipFamilies"): boolean =>
		old[field]?.length === 2 && next[field]?.length === 1 && old[field]?.[0] === next[field]?.[0];
	if (isReduced("clusterIPs")) errors.push(invalid(POLICY, next.ipFamilyPolicy ?? null, "must be 'SingleStack' to release the secondary cluster IP"));
	if (isReduced("ipFamilies")) errors.push(invalid(POLICY, next.ipFamilyPolicy ?? null, "must be 'SingleStack' to release the secondary IP family"));
	return errors;
}

function singleStackErrors({ ipFamilyPolicy, clusterIPs, ipFamilies }: ServiceSpec): FieldError[] {
	if (ipFamilyPolicy !== SINGLE_STACK) return [];
	const dual = (what: string) => invalid(POLICY, ipFamilyPolicy, `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`);
	return [...(clusterIPs?.length === 2 ? [dual("cluster IPs")] : []), ...(ipFamilies?.length === 2 ? [dual("IP families")] : [])];
}

/** An address tells its family. */
function familiesOfAddresses(spec: ServiceSpec, cluster: readonly IPFamily[]): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
		const family = ipFamily(address);
		if (family === undefined || index < (spec.ipFamilies?.length ?? 0)) continue;
		if (cluster.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
		else errors.push(invalid(`spec.clusterIPs[${index}]`, spec.clusterIPs ?? [], `${family} is not configured on this cluster`));
	}
	return errors;
}

/** ValidateServiceClusterIPsRelatedFields */
export function validateClusterIps(spec: ServiceSpec): FieldError[] {
	const addresses = spec.clusterIPs ?? [];
	const errors: FieldError[] = [];
	if (spec.clusterIP) {
		if (addresses.length === 0) errors.push(required("spec.clusterIPs"));
		else if (addresses[0] !== spec.clusterIP) errors.push(invalid("spec.clusterIPs", addresses, "first value must match `clusterIP`"));
	} else if (addresses.length > 0) errors.push(invalid("spec.clusterIPs", addresses, "must be empty when `clusterIP` is not specified"));
	errors.push(...familyErrors(spec));
	const malformed = addresses.flatMap((address, index) => {
		if (index === 0 && address === HEADLESS)
			return addresses.length > 1 ? [invalid("spec.clusterIPs", addresses, "'None' must be the first and only value")] : [];
		return ipAddress(address).map((problem) => invalid(`spec.clusterIPs[${index}]`, address, problem));
	});
	errors.push(...malformed);
	if (addresses.length > ADDRESSES_MAX) errors.push(invalid("spec.clusterIPs", addresses, "may only hold up to 2 values"));
	if (malformed.length > 0) return errors;
	if (addresses.length > 1 && (addresses.length > ADDRESSES_MAX || ipFamily(addresses[0] ?? "") === ipFamily(addresses[1] ?? "")))
		errors.push(invalid("spec.clusterIPs", addresses, "may specify no more than one IP for each IP family"));
	return errors.length > 0 || isHeadless(spec) ? errors : mismatches(addresses, spec.ipFamilies ?? []);
}

function familyErrors({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, family] of ipFamilies.entries()) {
		const path = `spec.ipFamilies[${index}]`;
		if (!FAMILIES.includes(family as IPFamily)) errors.push(notSupported(path, family, FAMILIES));
		if (ipFamilies.indexOf(family) < index) errors.push(duplicate(path, family));
	}
	if (ipFamilyPolicy !== undefined && !FAMILY_POLICIES.includes(ipFamilyPolicy)) errors.push(notSupported(POLICY, ipFamilyPolicy, FAMILY_POLICIES));
	return errors;
}

const mismatches = (addresses: readonly string[], families: readonly string[]): FieldError[] =>
	addresses.slice(0, families.length).flatMap((address, index) => {
		const family = families[index];
		return ipFamily(address) === family
			? []
			: [invalid(`spec.clusterIPs[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``)];
	});

/** validateUpgradeDowngradeClusterIPs and -IPFamilies: a second one may come and go, the first stays. */
export function validateFamiliesUpdate(next: Service, old: Service): FieldError[] {
	const [spec, before] = [next.spec ?? {}, old.spec ?? {}];
	if (!needsClusterIp(next) || !needsClusterIp(old)) return [];
	const headless = [isHeadless(spec), isHeadless(before)];
	return [...(headless[0] && headless[1] ? [] : clusterIpChanges(spec, before)), ...(headless[0] || headless[1] ? [] : familyChanges(spec, before))];
}

function clusterIpChanges(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
	const [now, before] = [spec.clusterIPs ?? [], old.clusterIPs ?? []];
	const changed = (index: number) => invalid(`spec.clusterIPs[${index}]`, now, SET_ONCE);
	if (now.length === before.length) return before.flatMap((address, index) => (address === now[index] ? [] : [changed(index)]));
	const errors = before.length > 0 && now.length > 0 && now[0] !== before[0] ? [changed(0)] : [];
	if (now.length > before.length) return errors;
	if (now.length === 0) errors.push(invalid("spec.clusterIPs[0]", now, "primary clusterIP can not be unset"));
	if (now.length === 1 && spec.ipFamilyPolicy !== SINGLE_STACK)
		errors.push(invalid(POLICY, spec.ipFamilyPolicy ?? null, "must be set to 'SingleStack' when releasing the secondary clusterIP"));
	return errors;
}

function familyChanges(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
	const [now, before] = [spec.ipFamilies ?? [], old.ipFamilies ?? []];
	if (now.length === before.length)
		return before.flatMap((family, index) => (family === now[index] ? [] : [invalid(`spec.ipFamilies[${index}]`, now, SET_ONCE)]));
	const first = before.length > 0 && now.length > 0 && now[0] !== before[0];
	if (now.length > before.length) return first ? [invalid("spec.ipFamilies[0]", now, SET_ONCE)] : [];
	const errors = first ? [invalid("spec.ipFamilies[0]", now[0] ?? "", "primary ipFamily can not be changed")] : [];
	if (now.length === 0) errors.push(invalid("spec.ipFamilies[0]", now, "primary ipFamily can not be unset"));
	if (now.length === 1 && spec.ipFamilyPolicy !== SINGLE_STACK)
		errors.push(invalid(POLICY, spec.ipFamilyPolicy ?? null, "must be set to 'SingleStack' when releasing the secondary ipFamily"));
	return errors;
}

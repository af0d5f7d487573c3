/** What PersistentVolumeClaims use, in all and of each storage class (pkg/quota/v1/evaluator/core/persistent_volume_claims.go). */
import { CLASS_ANNOTATION } from "../kinds/storage-access.ts";
import { compareQuantities, parseQuantity, type Quantity, quantityOf } from "../quantity/quantity.ts";
import type { PersistentVolumeClaim, ScopedResourceSelectorRequirement } from "../schema/kubernetes.d.ts";
import { countName, type QuotaEvaluator } from "./evaluator.ts";
import type { Quantities } from "../admission/pod-resources.ts";

const CLAIMS = "persistentvolumeclaims";
const STORAGE = "requests.storage";
const COUNT = countName(CLAIMS);
const RESOURCES: ReadonlySet<string> = new Set([COUNT, CLAIMS, STORAGE]);
const CLASS_SUFFIX = ".storageclass.storage.k8s.io/";

/** While a claim grows it uses what it is growing to, also if the wish was taken back. */
function storageOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
	const requested = spec?.resources?.requests?.["storage"];
	if (requested === undefined) return undefined;
	const allocated = status?.allocatedResources?.["storage"];
	const [wanted, given] = [parseQuantity(requested), allocated === undefined ? undefined : parseQuantity(allocated)];
	return given && compareQuantities(given, wanted) > 0 ? given : wanted;
}

function attributesClasses({ spec, status }: PersistentVolumeClaim): string[] {
	const names = [spec?.volumeAttributesClassName, status?.currentVolumeAttributesClassName, status?.modifyVolumeStatus?.targetVolumeAttributesClassName];
	return names.filter((name) => name !== undefined && name !== "") as string[];
}

function matchesScope({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement, claim: PersistentVolumeClaim): boolean {
	if (scopeName !== "VolumeAttributesClass") return false;
	const names = attributesClasses(claim);
	if (operator === "Exists") return names.length > 0;
	if (operator === "DoesNotExist") return names.length === 0;
	const isNamed = names.some((name) => values.includes(name));
	return operator === "In" ? isNamed : !isNamed;
}

export const persistentVolumeClaimEvaluator: QuotaEvaluator<PersistentVolumeClaim> = {
	resource: CLAIMS,
	handles: (operation, subresource) => subresource === "" && (operation === "CREATE" || operation === "UPDATE"),
	matching: (names) => names.filter((name) => RESOURCES.has(name) || name.endsWith(CLASS_SUFFIX + STORAGE) || name.endsWith(CLASS_SUFFIX + CLAIMS)),
	usage(claim) {
		const used: Quantities = new Map([
			[COUNT, quantityOf(1)],
			[CLAIMS, quantityOf(1)],
		]);
		const className = claim.metadata.annotations?.[CLASS_ANNOTATION] ?? claim.spec?.storageClassName ?? "";
		const storage = storageOf(claim);
		if (storage) used.set(STORAGE, storage);
		if (className === "") return used;
		used.set(className + CLASS_SUFFIX + CLAIMS, quantityOf(1));
		if (storage) used.set(className + CLASS_SUFFIX + STORAGE, storage);
		return used;
	},
	matchesScope,
};

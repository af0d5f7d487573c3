/** CSIDriver: pkg/registry/storage/csidriver, pkg/apis/storage/validation. */
import { duplicate, type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { CSIDriver, CSIDriverSpec, StorageV1TokenRequest } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { bumpGeneration } from "./strategy.ts";

const TYPE = "storage/v1.CSIDriverSpec";
const GROUP_POLICIES = ["File", "None", "ReadWriteOnceWithFSType"];
const LIFECYCLE_MODES = ["Persistent", "Ephemeral"];
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;
const UPDATE_SECONDS_MIN = 10;

function defaults({ spec }: CSIDriver): void {
	spec.attachRequired ??= true;
	spec.podInfoOnMount ??= false;
	spec.storageCapacity ??= false;
	spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
	if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ["Persistent"];
	spec.requiresRepublish ??= false;
	spec.seLinuxMount ??= false;
}

function validateTokens(requests: readonly StorageV1TokenRequest[], path: string): FieldError[] {
	const audiences = new Set<string>();
	return requests.flatMap(({ audience, expirationSeconds: seconds }, index) => {
		const at = `${path}[${index}]`;
		if (audiences.has(audience)) return [duplicate(`${at}.audience`, audience)];
		audiences.add(audience);
		if (seconds === undefined) return [];
		if (seconds < TOKEN_SECONDS_MIN) return [invalid(`${at}.expirationSeconds`, seconds, "may not specify a duration less than 10 minutes")];
		return seconds > TOKEN_SECONDS_MAX ? [invalid(`${at}.expirationSeconds`, seconds, "may not specify a duration larger than 2^32 seconds")] : [];
	});
}

/** The path of attachRequired is upstream's misspelling of it. */
const REQUIRED: readonly [keyof CSIDriverSpec, string][] = [
	["attachRequired", "spec.attachedRequired"],
	["podInfoOnMount", "spec.podInfoOnMount"],
	["storageCapacity", "spec.storageCapacity"],
];

function validate({ spec }: CSIDriver): FieldError[] {
	const { fsGroupPolicy: policy, tokenRequests = [], nodeAllocatableUpdatePeriodSeconds: period, serviceAccountTokenInSecrets: inSecrets } = spec;
	const errors = REQUIRED.flatMap(([field, path]) => (spec[field] === undefined ? [required(path)] : []));
	if (policy !== undefined && !GROUP_POLICIES.includes(policy)) errors.push(notSupported("spec.fsGroupPolicy", policy, GROUP_POLICIES));
	errors.push(...validateTokens(tokenRequests, "spec.tokenRequests"));
	for (const mode of spec.volumeLifecycleModes ?? []) {
		if (!LIFECYCLE_MODES.includes(mode)) errors.push(notSupported("spec.volumeLifecycleModes", mode, LIFECYCLE_MODES));
	}
	if (spec.seLinuxMount === undefined) errors.push(required("spec.seLinuxMount"));
	if (period !== undefined && period < UPDATE_SECONDS_MIN) {
		errors.push(invalid("spec.nodeAllocatableUpdatePeriodSeconds", period, `must be greater than or equal to ${UPDATE_SECONDS_MIN} seconds`));
	}
	if (inSecrets !== undefined && tokenRequests.length === 0) {
		errors.push(invalid("spec.serviceAccountTokenInSecrets", inSecrets, "serviceAccountTokenInSecrets is set but no tokenRequests are specified"));
	}
	return errors;
}

const shownTokens = (requests: readonly StorageV1TokenRequest[] | undefined): string =>
	requests?.length ? requests.map(({ audience }) => audience).join(",") : "<unset>";

export const csiDriverKind = defineKind<CSIDriver>({
	group: "storage.k8s.io",
	version: "v1",
	kind: "CSIDriver",
	plural: "csidrivers",
	singular: "csidriver",
	scope: "Cluster",
	schema: "storage/v1.CSIDriver",
	allowUnconditionalUpdate: false,
	defaults,
	prepareCreate(driver) {
		driver.metadata.generation = 1;
	},
	prepareUpdate(next, old) {
		bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
	},
	validate,
	validateUpdate: ({ spec }, old) => [
		...validateImmutable(spec.attachRequired, old.spec.attachRequired, "spec.attachedRequired"),
		...validateImmutable(spec.volumeLifecycleModes, old.spec.volumeLifecycleModes, "spec.volumeLifecycleModes"),
	],
	columns: [
		fieldColumn(TYPE, "attachRequired", { name: "AttachRequired", type: "boolean", cell: ({ spec }) => spec.attachRequired ?? true }),
		fieldColumn(TYPE, "podInfoOnMount", { name: "PodInfoOnMount", type: "boolean", cell: ({ spec }) => spec.podInfoOnMount ?? false }),
		fieldColumn(TYPE, "storageCapacity", { name: "StorageCapacity", type: "boolean", cell: ({ spec }) => spec.storageCapacity ?? false }),
		fieldColumn(TYPE, "tokenRequests", { name: "TokenRequests", type: "string", cell: ({ spec }) => shownTokens(spec.tokenRequests) }),
		fieldColumn(TYPE, "requiresRepublish", { name: "RequiresRepublish", type: "boolean", cell: ({ spec }) => spec.requiresRepublish ?? false }),
		fieldColumn(TYPE, "volumeLifecycleModes", {
			name: "Modes",
			type: "string",
			cell: ({ spec }) => (spec.volumeLifecycleModes ?? []).join(",") || "<none>",
		}),
		ageColumn,
	],
});

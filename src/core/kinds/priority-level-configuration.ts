/** PriorityLevelConfiguration: pkg/registry/flowcontrol/prioritylevelconfiguration, pkg/apis/flowcontrol/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import type {
	LimitedPriorityLevelConfiguration,
	LimitResponse,
	PriorityLevelConfiguration,
	PriorityLevelConfigurationSpec,
	QueuingConfiguration,
} from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateFlowConditions } from "./flow-schema-validation.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const EXEMPT = "exempt";
const CATCH_ALL = "catch-all";
const HAND_SIZE = 8;
const QUEUES = 64;
const QUEUE_LENGTH_LIMIT = 50;
const CONCURRENCY_SHARES = 30;
const QUEUES_MAX = 10_000_000;
/** What shuffle sharding has of a hash to deal its hands with. */
const HASH_BITS_MAX = 60;
const PERCENT_MAX = 100;
const NATURAL = "must be a non-negative integer";
const QUEUING_TYPE = "flowcontrol/v1.QueuingConfiguration";

function defaults({ spec }: PriorityLevelConfiguration): void {
	if (spec?.exempt) {
		spec.exempt.nominalConcurrencyShares ??= 0;
		spec.exempt.lendablePercent ??= 0;
	}
	if (!spec?.limited) return;
	spec.limited.nominalConcurrencyShares ??= CONCURRENCY_SHARES;
	spec.limited.lendablePercent ??= 0;
	const queuing = spec.limited.limitResponse?.queuing;
	if (!queuing) return;
	queuing.handSize ||= HAND_SIZE;
	queuing.queues ||= QUEUES;
	queuing.queueLengthLimit ||= QUEUE_LENGTH_LIMIT;
}

function validateQueuing({ queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (queueLengthLimit <= 0) errors.push(invalid(`${path}.queueLengthLimit`, queueLengthLimit, "must be positive"));
	if (queues <= 0) errors.push(invalid(`${path}.queues`, queues, "must be positive"));
	else if (queues > QUEUES_MAX) errors.push(invalid(`${path}.queues`, queues, `must not be greater than ${QUEUES_MAX}`));
	const at = `${path}.handSize`;
	if (handSize <= 0) errors.push(invalid(at, handSize, "must be positive"));
	else if (handSize > queues) errors.push(invalid(at, handSize, `should not be greater than queues (${queues})`));
	else if (Math.ceil(Math.log2(queues) * handSize) > HASH_BITS_MAX) {
		const sizes = `deckSize ${queues} and handSize ${handSize}`;
		errors.push(invalid(at, handSize, `required entropy bits of ${sizes} should not be greater than ${HASH_BITS_MAX}`));
	}
	return errors;
}

function validateResponse({ type, queuing }: LimitResponse, path: string): FieldError[] {
	if (type === "Reject") return queuing ? [forbidden(`${path}.queuing`, "must be nil if limited.limitResponse.type is not Limited")] : [];
	if (type !== "Queue") return [notSupported(`${path}.type`, type ?? "", ["Queue", "Reject"])];
	if (!queuing) return [required(`${path}.queuing`, "must not be empty if limited.limitResponse.type is Limited")];
	return validateQueuing(queuing, `${path}.queuing`);
}

function validateShares(level: { nominalConcurrencyShares?: number; lendablePercent?: number }, path: string): FieldError[] {
	const { nominalConcurrencyShares: shares = 0, lendablePercent: percent = 0 } = level;
	const errors = shares < 0 ? [invalid(`${path}.nominalConcurrencyShares`, shares, NATURAL)] : [];
	if (percent < 0 || percent > PERCENT_MAX) errors.push(invalid(`${path}.lendablePercent`, percent, "must be between 0 and 100, inclusive"));
	return errors;
}

function validateLimited(limited: LimitedPriorityLevelConfiguration, path: string): FieldError[] {
	const borrowing = limited.borrowingLimitPercent ?? 0;
	return [
		...validateShares(limited, path),
		...validateResponse(limited.limitResponse ?? { type: "" }, `${path}.limitResponse`),
		...(borrowing < 0 ? [invalid(`${path}.borrowingLimitPercent`, borrowing, `if specified, ${NATURAL}`)] : []),
	];
}

/** The two levels that every cluster has: what they must say. */
function validateMandatory(name: string, spec: PriorityLevelConfigurationSpec): FieldError[] {
	if (name === EXEMPT) {
		const { exempt, ...rest } = spec;
		return semanticEqual(rest, { type: "Exempt" })
			? []
			: [invalid("spec", spec, `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`)];
	}
	const fixed = { type: "Limited", limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: "Reject" } } };
	return name !== CATCH_ALL || semanticEqual(spec, fixed) ? [] : [invalid("spec", spec, `spec of '${name}' must equal the fixed value`)];
}

function validateLevel({ type, limited, exempt }: PriorityLevelConfigurationSpec): FieldError[] {
	if (type === "Exempt") {
		const errors = limited ? [forbidden("spec.limited", "must be nil if the type is not Limited")] : [];
		return exempt ? [...errors, ...validateShares(exempt, "spec.exempt")] : errors;
	}
	if (type !== "Limited") return [notSupported("spec.type", type ?? "", ["Exempt", "Limited"])];
	const errors = exempt ? [forbidden("spec.exempt", "must be nil if the type is Limited")] : [];
	if (!limited) return [...errors, required("spec.limited", "must not be empty when type is Limited")];
	return [...errors, ...validateLimited(limited, "spec.limited")];
}

function validate({ metadata: { name = "" }, spec = { type: "" }, status }: PriorityLevelConfiguration): FieldError[] {
	const errors: FieldError[] = [];
	if ((name === EXEMPT) !== (spec.type === "Exempt")) {
		errors.push(invalid("spec.type", spec.type, "type must be 'Exempt' if and only if `name` is 'exempt'"));
	}
	return [...errors, ...validateLevel(spec), ...validateMandatory(name, spec), ...validateFlowConditions(status?.conditions)];
}

const queuingCell =
	(field: "queues" | "handSize" | "queueLengthLimit") =>
	({ spec }: PriorityLevelConfiguration): number | string => {
		const queuing = spec?.limited?.limitResponse?.queuing;
		return queuing ? (queuing[field] ?? 0) : "<none>";
	};

export const priorityLevelConfigurationKind = defineKind<PriorityLevelConfiguration>({
	group: "flowcontrol.apiserver.k8s.io",
	version: "v1",
	kind: "PriorityLevelConfiguration",
	plural: "prioritylevelconfigurations",
	singular: "prioritylevelconfiguration",
	scope: "Cluster",
	schema: "flowcontrol/v1.PriorityLevelConfiguration",
	subresources: { status: { prepareUpdate: statusSubresource.prepareUpdate, validateUpdate: ({ status }) => validateFlowConditions(status?.conditions) } },
	defaults,
	prepareCreate(level) {
		level.metadata.generation = 1;
		level.status = {};
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	columns: [
		fieldColumn("flowcontrol/v1.PriorityLevelConfigurationSpec", "type", { name: "Type", type: "string", cell: ({ spec }) => spec?.type ?? "" }),
		fieldColumn("flowcontrol/v1.LimitedPriorityLevelConfiguration", "nominalConcurrencyShares", {
			name: "NominalConcurrencyShares",
			type: "string",
			cell: ({ spec }) => (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? "<none>",
		}),
		fieldColumn(QUEUING_TYPE, "queues", { name: "Queues", type: "string", cell: queuingCell("queues") }),
		fieldColumn(QUEUING_TYPE, "handSize", { name: "HandSize", type: "string", cell: queuingCell("handSize") }),
		fieldColumn(QUEUING_TYPE, "queueLengthLimit", { name: "QueueLengthLimit", type: "string", cell: queuingCell("queueLengthLimit") }),
		ageColumn,
	],
});

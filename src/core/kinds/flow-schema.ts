/** FlowSchema: pkg/registry/flowcontrol/flowschema. */
import type { FlowSchema } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateFlowConditions, validateFlowSchema } from "./flow-schema-validation.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const MATCHING_PRECEDENCE = 1000;

export const flowSchemaKind = defineKind<FlowSchema>({
	group: "flowcontrol.apiserver.k8s.io",
	version: "v1",
	kind: "FlowSchema",
	plural: "flowschemas",
	singular: "flowschema",
	scope: "Cluster",
	schema: "flowcontrol/v1.FlowSchema",
	subresources: { status: { prepareUpdate: statusSubresource.prepareUpdate, validateUpdate: ({ status }) => validateFlowConditions(status?.conditions) } },
	defaults({ spec }) {
		if (spec) spec.matchingPrecedence ||= MATCHING_PRECEDENCE;
	},
	prepareCreate(schema) {
		schema.metadata.generation = 1;
		schema.status = {};
	},
	prepareUpdate: prepareSpecUpdate,
	validate: validateFlowSchema,
	columns: [
		fieldColumn("flowcontrol/v1.PriorityLevelConfigurationReference", "name", {
			name: "PriorityLevel",
			type: "string",
			cell: ({ spec }) => spec?.priorityLevelConfiguration?.name ?? "",
		}),
		fieldColumn("flowcontrol/v1.FlowSchemaSpec", "matchingPrecedence", {
			name: "MatchingPrecedence",
			type: "string",
			cell: ({ spec }) => spec?.matchingPrecedence ?? 0,
		}),
		{
			name: "DistinguisherMethod",
			type: "string",
			description:
				"`distinguisherMethod` defines how to compute the flow distinguisher for requests that match this schema. `nil` specifies that the distinguisher is disabled and thus will always be the empty string.",
			cell: ({ spec }) => spec?.distinguisherMethod?.type ?? "<none>",
		},
		ageColumn,
		{
			name: "MissingPL",
			type: "string",
			description: "references a broken or non-existent PriorityLevelConfiguration",
			cell: ({ status }) => status?.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?",
		},
	],
});

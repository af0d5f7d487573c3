import { describe, expect, it } from "vitest";
import { cells, created, refusals } from "../../../test/support/judged.ts";

const subjects = [{ kind: "User", user: { name: "jane" } }];
const urls = { verbs: ["get"], nonResourceURLs: ["/healthz"] };
const schema = (rule: object, more: object = {}) => ({
	spec: { priorityLevelConfiguration: { name: "low" }, rules: [{ subjects, nonResourceRules: [urls], ...rule }], ...more },
});
const level = (limited: object) => ({ spec: { type: "Limited", limited } });
const queue = (queuing?: object) => level({ limitResponse: { type: "Queue", queuing } });

describe("a FlowSchema", () => {
	it.each<[object, string[]]>([
		[schema({}), []],
		[schema({}, { matchingPrecedence: 1 }), ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"]],
		[schema({}, { priorityLevelConfiguration: {} }), ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"]],
		[schema({ subjects: [] }), ["spec.rules[0].subjects: Required value: subjects must contain at least one value"]],
		[
			schema({ subjects: [{ kind: "User", group: { name: "g" } }] }),
			[
				"spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
				"spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
			],
		],
		[schema({ nonResourceRules: [] }), ["spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"]],
		[
			schema({ nonResourceRules: [{ ...urls, nonResourceURLs: ["/a*"] }] }),
			['spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*": wildcard can only do suffix matching'],
		],
		[
			schema({ resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }] }),
			["spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace"],
		],
	])("of %j", (body, errors) => expect(refusals("FlowSchema", body)).toEqual(errors));

	it("that every cluster has is as it is", () =>
		expect(refusals("FlowSchema", { ...schema({}, { matchingPrecedence: 1 }), metadata: { name: "exempt" } })[0]).toMatch(
			/^spec: Invalid value: .*: spec of 'exempt' must equal the fixed value$/,
		));
});

describe("a PriorityLevelConfiguration", () => {
	it.each<[object, string[]]>([
		[queue({}), []],
		[queue(), ["spec.limited.limitResponse.queuing: Required value: must not be empty if limited.limitResponse.type is Limited"]],
		[queue({ queues: 4 }), ["spec.limited.limitResponse.queuing.handSize: Invalid value: 8: should not be greater than queues (4)"]],
		[
			queue({ queues: 1024, handSize: 8 }),
			["spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60"],
		],
		[
			level({ limitResponse: { type: "Reject" }, lendablePercent: 101 }),
			["spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive"],
		],
		[{ spec: { type: "Exempt" } }, ["spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if `name` is 'exempt'"]],
	])("of %j", (body, errors) => expect(refusals("PriorityLevelConfiguration", body)).toEqual(errors));

	it("shows its queues", () => {
		expect(cells("PriorityLevelConfiguration", created("PriorityLevelConfiguration", queue({})))).toEqual({
			Type: "Limited",
			NominalConcurrencyShares: 30,
			Queues: 64,
			HandSize: 8,
			QueueLengthLimit: 50,
		});
	});
});

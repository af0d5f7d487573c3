/** CertificateSigningRequest: pkg/registry/certificates/certificates. */
import { metaTime } from "../controllers/meta-time.ts";
import type { CertificateSigningRequest } from "../schema/kubernetes.d.ts";
import { humanDuration } from "../table/human-duration.ts";
import { validateCertificateSigningRequest, validateRequestUpdate } from "./certificate-signing-request-validation.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { keepSpec, keepStatus } from "./strategy.ts";

const SPEC = "certificates/v1.CertificateSigningRequestSpec";
const SECOND_MS = 1000;

/** populateConditionTimestamps: when each condition was written, and when it last turned. */
function stampConditions(next: CertificateSigningRequest, old: CertificateSigningRequest, nowMs: number): void {
	const now = metaTime(nowMs);
	for (const condition of next.status?.conditions ?? []) {
		condition.lastUpdateTime ||= now;
		const before = old.status?.conditions?.find(({ type, status }) => type === condition.type && status === condition.status);
		condition.lastTransitionTime ||= before?.lastTransitionTime ?? now;
	}
}

function shownCondition({ status }: CertificateSigningRequest): string {
	const has = (type: string) => status?.conditions?.some((condition) => condition.type === type) ?? false;
	const decision = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
	return `${decision}${has("Failed") ? ",Failed" : ""}${status?.certificate ? ",Issued" : ""}`;
}

export const certificateSigningRequestKind = defineKind<CertificateSigningRequest>({
	group: "certificates.k8s.io",
	version: "v1",
	kind: "CertificateSigningRequest",
	plural: "certificatesigningrequests",
	singular: "certificatesigningrequest",
	shortNames: ["csr"],
	scope: "Cluster",
	schema: "certificates/v1.CertificateSigningRequest",
	nameRule: "path",
	subresources: {
		status: {
			prepareUpdate(next, old, { nowMs }) {
				keepSpec(next, old);
				stampConditions(next, old, nowMs);
			},
			validateUpdate: (next, old) => validateRequestUpdate(next, old, "status"),
		},
		object: {
			approval: {
				prepareUpdate(next, old, { nowMs }) {
					keepSpec(next, old);
					next.status = { ...structuredClone(old.status), conditions: next.status?.conditions };
					if (!next.status.conditions) delete next.status.conditions;
					stampConditions(next, old, nowMs);
				},
				validateUpdate: (next, old) => validateRequestUpdate(next, old, "approval"),
			},
		},
	},
	prepareCreate(request, { user }) {
		const { username, uid, groups, extra, ...asked } = request.spec;
		request.spec = { ...asked, username: user.name };
		if (user.uid) request.spec.uid = user.uid;
		if (user.groups.length > 0) request.spec.groups = [...user.groups];
		if (user.extra && Object.keys(user.extra).length > 0) {
			request.spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
		}
		request.status = {};
	},
	prepareUpdate(next, old) {
		keepSpec(next, old);
		keepStatus(next, old);
	},
	validate: validateCertificateSigningRequest,
	columns: [
		ageColumn,
		fieldColumn(SPEC, "signerName", { name: "SignerName", type: "string", cell: ({ spec }) => spec.signerName }),
		fieldColumn(SPEC, "request", { name: "Requestor", type: "string", cell: ({ spec }) => spec.username ?? "" }),
		fieldColumn(SPEC, "expirationSeconds", {
			name: "RequestedDuration",
			type: "string",
			cell: ({ spec }) => (spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds * SECOND_MS)),
		}),
		fieldColumn("certificates/v1.CertificateSigningRequestStatus", "conditions", { name: "Condition", type: "string", cell: shownCondition }),
	],
	selectableFields: { "spec.signerName": ({ spec }) => spec.signerName },
});

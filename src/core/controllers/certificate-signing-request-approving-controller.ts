/** Approves the certificates that a node asks for itself with (pkg/controller/certificates/approver/sarapprove.go). */
import type { UserInfo } from "../api/request.ts";
import type { ResourceAttributes } from "../authz/attributes.ts";
import { type CertificateRequest, readCertificateRequest } from "../certificates/certificate-request.ts";
import { DerError } from "../certificates/der.ts";
import { kubeletClientProblem, KUBELET_CLIENT_SIGNER } from "../certificates/signers.ts";
import type { CertificateSigningRequest } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, nameOf } from "./identity.ts";

export const REQUESTS = "certificates.k8s.io/certificatesigningrequests";

export interface ApprovalDeps {
	/** What the authorizer says of a user. */
	allows(user: UserInfo, attributes: ResourceAttributes): boolean;
}

/** By the subresource that stands for the permission: a node renewing its own certificate, and anybody who may ask for a node's. */
const RECOGNIZERS = [
	{
		subresource: "selfnodeclient",
		recognizes: ({ spec }: CertificateSigningRequest, { commonName }: CertificateRequest) => spec.username === commonName,
		message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
	},
	{ subresource: "nodeclient", recognizes: () => true, message: "Auto approving kubelet client certificate after SubjectAccessReview." },
];

export const conditionOf = ({ status }: CertificateSigningRequest, type: string) => status?.conditions?.find((condition) => condition.type === type);
const isOpen = (csr: CertificateSigningRequest): boolean => !csr.status?.certificate && !conditionOf(csr, "Approved") && !conditionOf(csr, "Denied");

/** Undefined for what is no request for a certificate. */
export function requestOf({ spec }: CertificateSigningRequest): CertificateRequest | undefined {
	try {
		return readCertificateRequest(spec.request ?? "");
	} catch (error) {
		if (error instanceof DerError) return undefined;
		throw error;
	}
}

function userOf({ spec }: CertificateSigningRequest): UserInfo {
	return { name: spec.username ?? "", groups: spec.groups ?? [], ...(spec.uid ? { uid: spec.uid } : {}), ...(spec.extra ? { extra: spec.extra } : {}) };
}

function approvalOf(csr: CertificateSigningRequest, deps: ApprovalDeps): string | undefined {
	const request = requestOf(csr);
	if (request === undefined || kubeletClientProblem(request, csr.spec.usages ?? []) !== undefined) return undefined;
	const permission = { verb: "create", group: "certificates.k8s.io", resource: "certificatesigningrequests", namespace: "", name: "" };
	return RECOGNIZERS.find(({ recognizes, subresource }) => recognizes(csr, request) && deps.allows(userOf(csr), { ...permission, subresource }))?.message;
}

export function certificateSigningRequestApprovingController(deps: ApprovalDeps): Controller {
	return {
		name: "certificatesigningrequest-approving",
		watches: [{ resource: REQUESTS, keys: ({ object }) => (object && isOpen(object as CertificateSigningRequest) ? [nameOf(object)] : []) }],
		reconcile(key: string, view: View): ReconcileResult {
			const csr = view.get<CertificateSigningRequest>(REQUESTS, key);
			if (csr === undefined || csr.spec.signerName !== KUBELET_CLIENT_SIGNER || !isOpen(csr)) return NOTHING;
			const message = approvalOf(csr, deps);
			if (message === undefined) return NOTHING;
			const draft = draftOf(csr);
			draft.status = {
				...draft.status,
				conditions: [...(draft.status?.conditions ?? []), { type: "Approved", status: "True", reason: "AutoApproved", message }],
			};
			return { actions: [{ type: "update", resource: REQUESTS, object: draft, subresource: "approval" }] };
		},
	};
}

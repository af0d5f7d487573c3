/** CertificateSubjectRestriction: nobody becomes system:masters by a certificate (plugin/pkg/admission/certificates/subjectrestriction). */
import { readCertificateRequest } from "../../certificates/certificate-request.ts";
import { DerError } from "../../certificates/der.ts";
import type { CertificateSigningRequest } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, refuse } from "../plugin.ts";

const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";
const MASTERS = "system:masters";

function organizationsOf(request: AdmissionRequest, base64: string): string[] {
	try {
		return readCertificateRequest(base64).organizations;
	} catch (error) {
		if (!(error instanceof DerError)) throw error;
		throw refuse(request, `failed to parse CSR: ${error.message}`);
	}
}

export const certificateSubjectRestriction: AdmissionPlugin = {
	name: "CertificateSubjectRestriction",
	resources: ["certificates.k8s.io/certificatesigningrequests"],
	operations: ["CREATE"],
	validate(request) {
		const { signerName, request: base64 = "" } = (request.object as CertificateSigningRequest).spec;
		if (signerName !== CLIENT_SIGNER || !organizationsOf(request, base64).includes(MASTERS)) return;
		throw refuse(request, `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`);
	},
};

/** CertificateApproval: only who may approve for a signer decides on its requests (plugin/pkg/admission/certificates/approval). */
import type { CertificateSigningRequest } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, refuse } from "../plugin.ts";
import { maySign } from "./signer-authorization.ts";

export const certificateApproval: AdmissionPlugin = {
	name: "CertificateApproval",
	resources: ["certificates.k8s.io/certificatesigningrequests"],
	operations: ["UPDATE"],
	subresources: ["approval"],
	validate(request, view) {
		// What is decided on is the request as it was made.
		const { signerName } = (request.old as CertificateSigningRequest).spec;
		if (!maySign(request.user, "approve", signerName, view)) {
			throw refuse(request, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
		}
	},
};

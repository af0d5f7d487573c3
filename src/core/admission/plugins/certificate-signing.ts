/** CertificateSigning: only who may sign for a signer issues its certificates (plugin/pkg/admission/certificates/signing). */
import { semanticEqual } from "../../meta/equality.ts";
import type { CertificateSigningRequest } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, refuse } from "../plugin.ts";
import { maySign } from "./signer-authorization.ts";

export const certificateSigning: AdmissionPlugin = {
	name: "CertificateSigning",
	resources: ["certificates.k8s.io/certificatesigningrequests"],
	operations: ["UPDATE"],
	subresources: ["status"],
	validate(request, view) {
		const [next, old] = [request.object as CertificateSigningRequest, request.old as CertificateSigningRequest];
		const issued = ({ status }: CertificateSigningRequest) => [status?.certificate ?? "", status?.conditions ?? []];
		if (semanticEqual(issued(next), issued(old))) return;
		const { signerName } = old.spec;
		if (!maySign(request.user, "sign", signerName, view)) {
			throw refuse(request, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
		}
	},
};

/** Whether a user may approve or sign for a signer: by its name, or by all of its domain (plugin/pkg/admission/certificates/util.go). */
import type { AdmissionRequest, AdmissionView } from "../plugin.ts";

export function maySign(user: AdmissionRequest["user"], verb: "approve" | "sign", signerName: string, view: AdmissionView): boolean {
	const names = [signerName, `${signerName.split("/")[0]}/*`];
	return names.some((name) => view.allows(user, { verb, group: "certificates.k8s.io", resource: "signers", subresource: "", namespace: "", name }));
}

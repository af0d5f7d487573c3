/** Signs what is approved for Kubernetes' own signers, with the cluster's CA (pkg/controller/certificates/signer). */
import { type CertificateAuthority, issueCertificate } from "../certificates/certificate.ts";
import type { CertificateRequest } from "../certificates/certificate-request.ts";
import { isOwnSigner, signerProblem } from "../certificates/signers.ts";
import type { CertificateSigningRequest } from "../schema/kubernetes.d.ts";
import { conditionOf, REQUESTS, requestOf } from "./certificate-signing-request-approving-controller.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, nameOf } from "./identity.ts";

const SECOND_MS = 1000;
/** --cluster-signing-duration. */
const DURATION_MS = 365 * 24 * 3_600 * SECOND_MS;
const DURATION_MIN_MS = 600 * SECOND_MS;
/** For clients whose clock is behind. */
const BACKDATE_MS = 5 * 60 * SECOND_MS;
/** A certificate shorter than this keeps all of its time after now. */
const SHORT_MS = 8 * 3_600 * SECOND_MS;
const SERIAL_BYTES = 16;

const isToSign = (csr: CertificateSigningRequest): boolean =>
	isOwnSigner(csr.spec.signerName) && conditionOf(csr, "Approved") !== undefined && !csr.status?.certificate && conditionOf(csr, "Failed")?.status !== "True";

function durationMs(expirationSeconds: number | undefined): number {
	return expirationSeconds === undefined ? DURATION_MS : Math.min(DURATION_MS, Math.max(DURATION_MIN_MS, expirationSeconds * SECOND_MS));
}

function serialOf(ctx: ReconcileContext): Uint8Array {
	const bytes = Uint8Array.from({ length: SERIAL_BYTES }, () => Math.floor(ctx.random() * 256));
	// A serial number is positive, and its first byte is not zero.
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return bytes;
}

function sign(csr: CertificateSigningRequest, request: CertificateRequest, authority: CertificateAuthority, ctx: ReconcileContext): string {
	const duration = durationMs(csr.spec.expirationSeconds);
	const notBeforeMs = ctx.nowMs - BACKDATE_MS;
	return issueCertificate(authority, request, {
		usages: csr.spec.usages ?? [],
		notBeforeMs,
		notAfterMs: (duration < SHORT_MS ? ctx.nowMs : notBeforeMs) + duration,
		serial: serialOf(ctx),
	});
}

function problemOf(csr: CertificateSigningRequest, request: CertificateRequest | undefined, authority: CertificateAuthority): string | undefined {
	if (request === undefined) return `unable to parse csr ${JSON.stringify(nameOf(csr))}`;
	const problem = signerProblem(csr.spec.signerName, request, csr.spec.usages ?? []);
	return problem ?? (authority.isSelfSigned(request) ? undefined : "unable to verify certificate request signature");
}

export function certificateSigningRequestSigningController({ authority }: { authority: CertificateAuthority | undefined }): Controller {
	return {
		name: "certificatesigningrequest-signing",
		watches: [{ resource: REQUESTS, keys: ({ object }) => (object && isToSign(object as CertificateSigningRequest) ? [nameOf(object)] : []) }],
		reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
			const csr = view.get<CertificateSigningRequest>(REQUESTS, key);
			if (csr === undefined || authority === undefined || !isToSign(csr)) return NOTHING;
			const request = requestOf(csr);
			const problem = problemOf(csr, request, authority);
			const draft = draftOf(csr);
			if (problem !== undefined) {
				const failed = { type: "Failed", status: "True", reason: "SignerValidationFailure", message: problem };
				draft.status = { ...draft.status, conditions: [...(draft.status?.conditions ?? []), failed] };
			} else draft.status = { ...draft.status, certificate: btoa(sign(csr, request as CertificateRequest, authority, ctx)) };
			return { actions: [{ type: "updateStatus", resource: REQUESTS, object: draft }] };
		},
	};
}

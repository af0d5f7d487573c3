/** Deletes requests for certificates that are done with, or that nobody decides on (pkg/controller/certificates/cleaner). */
import { notAfterMs } from "../certificates/certificate.ts";
import { DerError } from "../certificates/der.ts";
import type { CertificateSigningRequest } from "../schema/kubernetes.d.ts";
import { conditionOf, REQUESTS } from "./certificate-signing-request-approving-controller.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { timeMs } from "./meta-time.ts";

const HOUR_MS = 3_600_000;
const DECIDED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;

function certificateEndMs({ status }: CertificateSigningRequest): number | undefined {
	if (!status?.certificate) return undefined;
	try {
		return notAfterMs(atob(status.certificate));
	} catch (error) {
		if (error instanceof DerError || error instanceof DOMException) return undefined;
		throw error;
	}
}

/** When the request is to go, in milliseconds since 1970; undefined while it waits for its certificate. */
function dueMs(csr: CertificateSigningRequest): number | undefined {
	const decided = ["Approved", "Denied", "Failed"].map((type) => conditionOf(csr, type));
	const [approved, denied, failed] = decided;
	const after = (condition: (typeof decided)[number]): number => (timeMs(condition?.lastUpdateTime) ?? 0) + DECIDED_MS;
	if (csr.status?.certificate) return Math.min(approved ? after(approved) : Number.POSITIVE_INFINITY, certificateEndMs(csr) ?? Number.POSITIVE_INFINITY);
	if (denied) return after(denied);
	if (failed) return after(failed);
	return approved ? undefined : (timeMs(csr.metadata.creationTimestamp) ?? 0) + PENDING_MS;
}

export const certificateSigningRequestCleanerController: Controller = {
	name: "certificatesigningrequest-cleaner",
	watches: [{ resource: REQUESTS, keys: ({ object }) => (object ? [nameOf(object)] : []) }],
	reconcile(key: string, view: View, { nowMs }: ReconcileContext): ReconcileResult {
		const csr = view.get<CertificateSigningRequest>(REQUESTS, key);
		const due = csr && !isBeingDeleted(csr) ? dueMs(csr) : undefined;
		if (csr === undefined || due === undefined || due === Number.POSITIVE_INFINITY) return NOTHING;
		if (due > nowMs) return { actions: [], requeueAfterMs: due - nowMs };
		return { actions: [{ type: "delete", resource: REQUESTS, name: key, uid: uidOf(csr) }] };
	},
};

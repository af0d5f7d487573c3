import { describe, expect, it } from "vitest";
import { cells, CONTEXT, created, kindNamed, refusals } from "../../../test/support/judged.ts";
import { fieldErrorText } from "../errors/field-error.ts";
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from "../schema/kubernetes.d.ts";

const REQUEST = btoa("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n");
const CERTIFICATE = btoa("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
const body = (more: object = {}) => ({ spec: { request: REQUEST, signerName: "example.com/signer", usages: ["client auth"], ...more } });
const request = () => created<CertificateSigningRequest>("CertificateSigningRequest", body());

/** The request after a write of `status` through the subresource, and what was wrong with that. */
function written(old: CertificateSigningRequest, subresource: "status" | "approval", status: object): { next: CertificateSigningRequest; errors: string[] } {
	const { subresources } = kindNamed("CertificateSigningRequest");
	const view = subresource === "status" ? subresources?.status : subresources?.object?.approval;
	const next: CertificateSigningRequest = { ...structuredClone(old), spec: { ...old.spec, signerName: "other.com/x" }, status };
	view?.prepareUpdate(next, old, CONTEXT);
	return { next, errors: (view?.validateUpdate?.(next, old) ?? []).map(fieldErrorText) };
}

describe("a CertificateSigningRequest", () => {
	it("is signed with who asks, whatever it says", () => {
		const made = created<CertificateSigningRequest>("CertificateSigningRequest", {
			...body({ username: "root", uid: "0" }),
			status: { certificate: CERTIFICATE },
		});
		expect(made.spec).toEqual({ request: REQUEST, signerName: "example.com/signer", usages: ["client auth"], username: "jane", groups: ["devs"] });
		expect(made.status).toEqual({});
	});

	it.each<[object, string[]]>([
		[{}, []],
		[{ request: "AAAA" }, ['spec.request: Invalid value: "AAAA": PEM block type must be CERTIFICATE REQUEST']],
		[{ usages: [] }, ["spec.usages: Required value"]],
		[{ usages: ["signing", "signing"] }, ['spec.usages[1]: Duplicate value: "signing"']],
		[{ signerName: "signer" }, ["spec.signerName: Invalid value: \"signer\": must be a fully qualified domain and path of the form 'example.com/signer-name'"]],
		[{ signerName: "com/x" }, ['spec.signerName: Invalid value: "com": should be a domain with at least two segments separated by dots']],
		[
			{ signerName: "kubernetes.io/legacy-unknown" },
			['spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version'],
		],
		[{ expirationSeconds: 60 }, ["spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)"]],
	])("with %j", (more, errors) => expect(refusals("CertificateSigningRequest", body(more))).toEqual(errors));

	it("is decided once, by approvers alone", () => {
		const approved = [{ type: "Approved", status: "True" }];
		const { next, errors } = written(request(), "approval", { conditions: approved, certificate: CERTIFICATE });
		expect(errors).toEqual([]);
		expect(next.spec.signerName).toBe("example.com/signer");
		expect(next.status).toEqual({
			conditions: [{ type: "Approved", status: "True", lastUpdateTime: "2026-01-01T00:00:00Z", lastTransitionTime: "2026-01-01T00:00:00Z" }],
		});
		const denied: CertificateSigningRequestCondition[] = [...(next.status?.conditions ?? []), { type: "Denied", status: "True" }];
		expect(written(next, "approval", { conditions: denied }).errors).toEqual([
			'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
		]);
		expect(written(next, "approval", {}).errors).toEqual(['status.conditions: Forbidden: updates may not remove a condition of type "Approved"']);
		expect(written(request(), "status", { conditions: approved }).errors).toEqual([
			'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
		]);
	});

	it("is issued once", () => {
		const { next, errors } = written(request(), "status", { certificate: CERTIFICATE });
		expect(errors).toEqual([]);
		expect(cells("CertificateSigningRequest", next)).toMatchObject({ Requestor: "jane", RequestedDuration: "<none>", Condition: "Pending,Issued" });
		expect(written(next, "status", {}).errors).toEqual(["status.certificate: Forbidden: updates may not modify existing certificate content"]);
		expect(written(request(), "status", { certificate: REQUEST }).errors).toEqual([
			'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"',
		]);
	});
});

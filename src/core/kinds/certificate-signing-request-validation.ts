/** Rules of a CertificateSigningRequest: pkg/apis/certificates/validation. */
import { duplicate, type FieldError, forbidden, invalid, notSupported, required, tooLong } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { byteLength, DNS_LABEL_MAX, DNS_SUBDOMAIN_MAX, dns1123Label, dns1123Subdomain } from "../meta/name-rules.ts";
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from "../schema/kubernetes.d.ts";
import { changedPaths } from "./object-difference.ts";

const EXPIRATION_SECONDS_MIN = 600;
const LEGACY_SIGNER = "kubernetes.io/legacy-unknown";
const SIGNER_FORM = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
const SIGNER_BYTES_MAX = 2 * DNS_SUBDOMAIN_MAX + DNS_LABEL_MAX + 2;
/** Conditions that, where they stand at all, stand as True. */
const FINAL_CONDITIONS = ["Approved", "Denied", "Failed"];
const APPROVAL_CONDITIONS = ["Approved", "Denied"];
const STATUSES = ["False", "True", "Unknown"];
const CONDITIONS_PATH = "status.conditions";
const USAGES = [
	"any",
	"cert sign",
	"client auth",
	"code signing",
	"content commitment",
	"crl sign",
	"data encipherment",
	"decipher only",
	"digital signature",
	"email protection",
	"encipher only",
	"ipsec end system",
	"ipsec tunnel",
	"ipsec user",
	"key agreement",
	"key encipherment",
	"microsoft sgc",
	"netscape sgc",
	"ocsp signing",
	"s/mime",
	"server auth",
	"signing",
	"timestamping",
];

/** ValidateSignerName: a domain, a slash, and a path of subdomains. */
export function validateSignerName(name: string, path: string): FieldError[] {
	if (name === "") return [required(path)];
	const [domain = "", signer, ...more] = name.split("/");
	if (signer === undefined || more.length > 0) return [invalid(path, name, SIGNER_FORM)];
	const errors = byteLength(domain) > DNS_SUBDOMAIN_MAX ? [tooLong(path, DNS_SUBDOMAIN_MAX)] : [];
	const labels = domain.split(".");
	for (const label of labels) {
		for (const problem of dns1123Label(label)) errors.push(invalid(path, domain, `validating label ${JSON.stringify(label)}: ${problem}`));
	}
	if (labels.length < 2) errors.push(invalid(path, domain, "should be a domain with at least two segments separated by dots"));
	for (const label of signer.split(".")) {
		for (const problem of dns1123Subdomain(label)) errors.push(invalid(path, signer, `validating label ${JSON.stringify(label)}: ${problem}`));
	}
	if (byteLength(name) > SIGNER_BYTES_MAX) errors.push(tooLong(path, SIGNER_BYTES_MAX));
	return errors;
}

const textOf = (base64: string): string => {
	try {
		return atob(base64);
	} catch {
		return "";
	}
};

/** The labels of the PEM blocks in a base64 text, in order. */
const pemLabels = (base64: string): string[] =>
	[...textOf(base64).matchAll(/-----BEGIN ([^-\n]*)-----\r?\n[\s\S]*?-----END \1-----/g)].map(([, label = ""]) => label);

function validateUsages(usages: readonly string[]): FieldError[] {
	const path = "spec.usages";
	if (usages.length === 0) return [required(path)];
	return usages.flatMap((usage, index) => [
		...(USAGES.includes(usage) ? [] : [notSupported(`${path}[${index}]`, usage, USAGES)]),
		...(usages.indexOf(usage) < index ? [duplicate(`${path}[${index}]`, usage)] : []),
	]);
}

function validateCondition({ type, status }: CertificateSigningRequestCondition, path: string): FieldError[] {
	const errors = type ? [] : [required(`${path}.type`)];
	const allowed = FINAL_CONDITIONS.includes(type) ? ["True"] : STATUSES;
	if (!status) errors.push(required(`${path}.status`));
	else if (!allowed.includes(status)) errors.push(notSupported(`${path}.status`, status, allowed));
	return errors;
}

function validateConditionList(conditions: readonly CertificateSigningRequestCondition[]): FieldError[] {
	const types = conditions.map(({ type }) => type);
	return conditions.flatMap((condition, index) => {
		const path = `${CONDITIONS_PATH}[${index}]`;
		const before = types.slice(0, index);
		const errors = validateCondition(condition, path);
		const opposite = APPROVAL_CONDITIONS.find((type) => type !== condition.type);
		if (APPROVAL_CONDITIONS.includes(condition.type) && opposite !== undefined && before.includes(opposite)) {
			errors.push(invalid(CONDITIONS_PATH, condition.type, "Approved and Denied conditions are mutually exclusive"));
		}
		if (before.includes(condition.type)) errors.push(duplicate(`${path}.type`, condition.type));
		return errors;
	});
}

function validateCertificate(certificate: string): FieldError[] {
	if (certificate === "") return [];
	const labels = pemLabels(certificate);
	const wrong = labels.find((label) => label !== "CERTIFICATE");
	const path = "status.certificate";
	if (wrong !== undefined) return [invalid(path, "<certificate data>", `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(wrong)}`)];
	return labels.length === 0 ? [invalid(path, "<certificate data>", "must contain at least one CERTIFICATE PEM block")] : [];
}

export function validateCertificateSigningRequest({ spec, status }: CertificateSigningRequest): FieldError[] {
	const errors: FieldError[] = [];
	const { request = "", usages, signerName = "", expirationSeconds: seconds } = spec;
	if (pemLabels(request)[0] !== "CERTIFICATE REQUEST") errors.push(invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST"));
	errors.push(...validateUsages(usages ?? []));
	if (signerName === LEGACY_SIGNER) errors.push(invalid("spec.signerName", signerName, "the legacy signerName is not allowed via this API version"));
	else errors.push(...validateSignerName(signerName, "spec.signerName"));
	if (seconds !== undefined && seconds < EXPIRATION_SECONDS_MIN) {
		errors.push(invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 600 seconds (10 minutes)"));
	}
	return [...errors, ...validateConditionList(status?.conditions ?? []), ...validateCertificate(status?.certificate ?? "")];
}

const ofType = ({ status }: CertificateSigningRequest, type: string): CertificateSigningRequestCondition[] =>
	(status?.conditions ?? []).filter((condition) => condition.type === type);

/** What the status subresource may not do to what approvers decided. */
function validateDecisionsKept(next: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
	return APPROVAL_CONDITIONS.flatMap((type) => {
		const [before, after] = [ofType(old, type), ofType(next, type)];
		if (after.length > before.length) return [forbidden(CONDITIONS_PATH, `updates may not add a condition of type "${type}"`)];
		if (after.length < before.length || semanticEqual(before, after)) return [];
		return [forbidden(CONDITIONS_PATH, `updates may not modify a condition of type "${type}"\n${changedPaths(before, after, CONDITIONS_PATH)}`)];
	});
}

function validateCertificateKept(next: CertificateSigningRequest, old: CertificateSigningRequest, maySet: boolean): FieldError[] {
	const before = old.status?.certificate ?? "";
	if ((next.status?.certificate ?? "") === before) return [];
	if (!maySet) return [forbidden("status.certificate", "updates may not set certificate content")];
	return before === "" ? [] : [forbidden("status.certificate", "updates may not modify existing certificate content")];
}

/** An update of the status ("status") or of the decision on a request ("approval"). */
export function validateRequestUpdate(next: CertificateSigningRequest, old: CertificateSigningRequest, subresource: "status" | "approval"): FieldError[] {
	const removed = FINAL_CONDITIONS.filter((type) => ofType(next, type).length < ofType(old, type).length);
	return [
		...validateCertificateSigningRequest(next),
		...removed.map((type) => forbidden(CONDITIONS_PATH, `updates may not remove a condition of type "${type}"`)),
		...(subresource === "status" ? validateDecisionsKept(next, old) : []),
		...validateCertificateKept(next, old, subresource === "status"),
	];
}

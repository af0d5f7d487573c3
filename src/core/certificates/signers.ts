/** What each of Kubernetes' own signers certifies (pkg/apis/certificates/helpers.go, pkg/controller/certificates/signer). */
import type { CertificateRequest } from "./certificate-request.ts";

export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";
export const KUBELET_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
export const KUBELET_SERVING_SIGNER = "kubernetes.io/kubelet-serving";
export const LEGACY_SIGNER = "kubernetes.io/legacy-unknown";

const NODES = "system:nodes";
const NODE_PREFIX = "system:node:";

const isExactly = (usages: readonly string[], wanted: readonly string[]): boolean =>
	new Set(usages).size === wanted.length && wanted.every((usage) => usages.includes(usage));

/** An RSA key takes key encipherment as well. */
const hasKubeletUsages = (usages: readonly string[], purpose: string): boolean =>
	isExactly(usages, ["digital signature", purpose]) || isExactly(usages, ["digital signature", "key encipherment", purpose]);

function nodeSubjectProblem({ organizations, commonName }: CertificateRequest): string | undefined {
	if (organizations.length !== 1 || organizations[0] !== NODES) return "subject organization is not system:nodes";
	return commonName.startsWith(NODE_PREFIX) ? undefined : "subject common name does not begin with system:node: ";
}

/** ValidateKubeletClientCSR; undefined for one that is right. */
export function kubeletClientProblem(request: CertificateRequest, usages: readonly string[]): string | undefined {
	const { organizations } = request;
	if (organizations.length !== 1 || organizations[0] !== NODES) return "subject organization is not system:nodes";
	if (request.dnsNames.length > 0) return "DNS subjectAltNames are not allowed";
	if (request.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
	if (request.ipAddresses.length > 0) return "IP subjectAltNames are not allowed";
	if (request.uris.length > 0) return "URI subjectAltNames are not allowed";
	if (!request.commonName.startsWith(NODE_PREFIX)) return "subject common name does not begin with system:node: ";
	return hasKubeletUsages(usages, "client auth") ? undefined : "usages did not match [digital signature key encipherment client auth]";
}

/** ValidateKubeletServingCSR; undefined for one that is right. */
export function kubeletServingProblem(request: CertificateRequest, usages: readonly string[]): string | undefined {
	const subject = nodeSubjectProblem(request);
	if (subject !== undefined) return subject;
	if (request.dnsNames.length === 0 && request.ipAddresses.length === 0) return "at least one DNS or IP subjectAltName is required";
	if (request.emailAddresses.length > 0) return "Email subjectAltNames are not allowed";
	if (request.uris.length > 0) return "URI subjectAltNames are not allowed";
	return hasKubeletUsages(usages, "server auth") ? undefined : "usages did not match [digital signature key encipherment server auth]";
}

function clientProblem(usages: readonly string[]): string | undefined {
	const odd = usages.find((usage) => !["digital signature", "key encipherment", "client auth"].includes(usage));
	if (odd !== undefined) return `invalid usage for client certificate: ${odd}`;
	return usages.includes("client auth") ? undefined : "missing required usage for client certificate: client auth";
}

const RULES: Readonly<Record<string, (request: CertificateRequest, usages: readonly string[]) => string | undefined>> = {
	[CLIENT_SIGNER]: (_request, usages) => clientProblem(usages),
	[KUBELET_CLIENT_SIGNER]: kubeletClientProblem,
	[KUBELET_SERVING_SIGNER]: kubeletServingProblem,
	[LEGACY_SIGNER]: () => undefined,
};

export const isOwnSigner = (signerName: string): boolean => Object.hasOwn(RULES, signerName);
/** Why the signer does not certify this; undefined when it does. */
export const signerProblem = (signerName: string, request: CertificateRequest, usages: readonly string[]): string | undefined =>
	RULES[signerName]?.(request, usages);

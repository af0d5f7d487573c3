/** How a node that ends TLS for the edge passes a request on: to this path of the control plane, with the request's own path behind it. */
export const EDGE_FORWARD_PATH = "/agent/v1/edge/http";
/** GET, with a host behind it: the certificate to show for it. */
export const EDGE_CERTIFICATE_PATH = "/agent/v1/edge/certificates";
/** The node's credential: Authorization is the client's own. */
export const EDGE_CREDENTIAL_HEADER = "x-petrel-edge-credential";
/** The client's address. */
export const EDGE_CLIENT_HEADER = "x-petrel-edge-client";
/** The host that the client asked for, with its port. */
export const EDGE_HOST_HEADER = "x-petrel-edge-host";

export interface EdgeCertificateAnswer {
	/** PEM. */
	certificate: string;
	privateKey: string;
}

/** The addresses and names that are the same in every cluster. */

/** --service-cluster-ip-range */
export const SERVICE_CIDR = "10.96.0.0/16";
/** --cluster-cidr: what nodes' ranges are taken from. */
export const POD_CIDR = "10.244.0.0/16";
export const CLUSTER_DOMAIN = "cluster.local";
/** Of the Service default/kubernetes: every agent forwards from there to the control plane. */
export const API_ADDRESS = "10.96.0.1";
export const API_PORT = 443;
/** Of the Service kube-system/kube-dns: every agent answers there. */
export const DNS_ADDRESS = "10.96.0.10";
export const DNS_PORT = 53;
/** The cluster's own Services by address: namespace/name. */
export const RESERVED_ADDRESSES: Readonly<Record<string, string>> = { [API_ADDRESS]: "default/kubernetes", [DNS_ADDRESS]: "kube-system/kube-dns" };

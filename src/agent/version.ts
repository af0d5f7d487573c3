/** What nodes show as their kubelet's version: the Kubernetes release whose behaviour the agent follows. */
export const AGENT_VERSION = "v1.36.0+petrel";

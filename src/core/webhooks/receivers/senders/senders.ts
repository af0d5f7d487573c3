/** The senders by the type that a receiver names. A new sender is one file and one line here. */
import type { SenderType } from "../receiver.ts";
import type { Sender } from "../sender.ts";
import { dockerHub } from "./docker-hub.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { harbor } from "./harbor.ts";
import { hmac } from "./hmac.ts";
import { registry } from "./registry.ts";
import { standardWebhooks } from "./standard-webhooks.ts";

export const SENDERS: Readonly<Record<SenderType, Sender>> = {
	GitHub: github,
	GitLab: gitlab,
	DockerHub: dockerHub,
	Registry: registry,
	Harbor: harbor,
	HMAC: hmac,
	StandardWebhooks: standardWebhooks,
};

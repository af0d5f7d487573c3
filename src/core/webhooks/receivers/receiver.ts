/** What a receiver says of itself: the names that the rest of this folder uses for parts of a WebhookReceiver. */
import type { WebhookReceiver, WebhookReceiverHMAC } from "../../schema/kubernetes.d.ts";

export const RECEIVERS = "events.petrel.dev/webhookreceivers";

export type SenderType = "DockerHub" | "GitHub" | "GitLab" | "HMAC" | "Harbor" | "Registry" | "StandardWebhooks";
export type HmacOptions = WebhookReceiverHMAC;

export const DEFAULT_SECRET_KEY = "secret";
/** Deliveries that a receiver takes in a minute where it does not say. */
export const DEFAULT_REQUESTS_PER_MINUTE = 60;
/** Deliveries that the status keeps. */
export const DELIVERIES_MAX = 20;

export const secretKeyOf = ({ spec }: WebhookReceiver): string => spec.secretRef.key || DEFAULT_SECRET_KEY;

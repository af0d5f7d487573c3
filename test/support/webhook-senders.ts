/** Requests as the senders of webhooks make them: payloads after the samples in their documentation, signed by node:crypto and by the `standardwebhooks` package. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";

export interface SentWebhook {
	headers: Record<string, string>;
	body: string;
}

export const DIGEST_A = `sha256:${"a".repeat(64)}`;
export const DIGEST_B = `sha256:${"b".repeat(64)}`;

const hexHmac = (secret: string, body: string, algorithm = "sha256"): string => createHmac(algorithm, secret).update(body).digest("hex");

/** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
export function github(secret: string, event: string, payload: object, id = crypto.randomUUID()): SentWebhook {
	const body = JSON.stringify(payload);
	return {
		headers: {
			"content-type": "application/json",
			"user-agent": "GitHub-Hookshot/044aadd",
			accept: "*/*",
			"x-github-delivery": id,
			"x-github-event": event,
			"x-github-hook-id": "292430182",
			"x-github-hook-installation-target-type": "repository",
			"x-hub-signature": `sha1=${hexHmac(secret, body, "sha1")}`,
			"x-hub-signature-256": `sha256=${hexHmac(secret, body)}`,
		},
		body,
	};
}

/** An image pushed to ghcr.io. */
export const githubPackage = (tag: string, digest: string, updatedAt: string): object => ({
	action: "published",
	package: {
		id: 10696678,
		name: "app",
		namespace: "octo",
		ecosystem: "CONTAINER",
		package_type: "CONTAINER",
		html_url: "https://github.com/octo/app/pkgs/container/app",
		created_at: "2026-01-01T00:00:00Z",
		updated_at: updatedAt,
		package_version: {
			id: 3,
			version: digest,
			name: digest,
			created_at: updatedAt,
			updated_at: updatedAt,
			package_url: `ghcr.io/octo/app:${tag}`,
			container_metadata: { tag: { name: tag, digest }, labels: {}, manifest: {} },
		},
		registry: {
			about_url: "https://docs.github.com/packages",
			name: "GitHub CONTAINER registry",
			type: "CONTAINER",
			url: "https://CONTAINER.pkg.github.com/octo",
			vendor: "GitHub Inc",
		},
	},
	repository: { id: 1, name: "app", full_name: "octo/app", private: false },
	sender: { login: "octocat", id: 1 },
});

export const githubPullRequest = (action: string, number: number, updatedAt: string, sha = "ec26c3e57ca3a959ca5aad62de7213c562f8c821"): object => ({
	action,
	number,
	pull_request: {
		id: 279147437,
		number,
		state: action === "closed" ? "closed" : "open",
		title: "Update the README with new information",
		updated_at: updatedAt,
		merged: action === "closed",
		head: { ref: "changes", sha, label: "octo:changes" },
		base: { ref: "main", sha: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", label: "octo:main" },
	},
	repository: { id: 186853002, name: "app", full_name: "octo/app" },
	sender: { login: "octocat", id: 1 },
});

/** https://docs.gitlab.com/user/project/integrations/webhook_events */
export function gitlab(token: string, payload: object, id = crypto.randomUUID()): SentWebhook {
	return {
		headers: {
			"content-type": "application/json",
			"user-agent": "GitLab/18.5.0",
			"idempotency-key": id,
			"x-gitlab-event": "Merge Request Hook",
			"x-gitlab-webhook-uuid": "02affd2d-2cba-4033-917d-ec22d5dc4b38",
			"x-gitlab-event-uuid": crypto.randomUUID(),
			"x-gitlab-instance": "https://gitlab.example.com",
			"x-gitlab-token": token,
		},
		body: JSON.stringify(payload),
	};
}

export const gitlabMergeRequest = (action: string, iid: number, updatedAt: string): object => ({
	object_kind: "merge_request",
	event_type: "merge_request",
	user: { id: 1, name: "Administrator", username: "root" },
	project: { id: 1, name: "Gitlab Test", path_with_namespace: "gitlabhq/gitlab-test", default_branch: "main" },
	object_attributes: {
		id: 99,
		iid,
		target_branch: "main",
		source_branch: "ms-viewport",
		title: "MS-Viewport",
		created_at: "2026-01-01 17:23:34 UTC",
		updated_at: updatedAt,
		state: action === "close" ? "closed" : "opened",
		action,
		last_commit: { id: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", message: "fixed readme" },
	},
});

/** https://docs.docker.com/docker-hub/repos/manage/webhooks/ */
export const dockerHub = (repository: string, tag: string, pushedAt: number): SentWebhook => ({
	headers: { "content-type": "application/json", "user-agent": "Go-http-client/1.1" },
	body: JSON.stringify({
		callback_url: "https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
		push_data: { pushed_at: pushedAt, pusher: "trustedbuilder", tag },
		repository: {
			comment_count: 0,
			date_created: 1417494799,
			is_official: false,
			is_private: true,
			name: "testhook",
			namespace: "svendowideit",
			owner: "svendowideit",
			repo_name: repository,
			repo_url: `https://registry.hub.docker.com/u/${repository}/`,
			star_count: 0,
			status: "Active",
		},
	}),
});

/** https://distribution.github.io/distribution/about/notifications/ */
export const registry = (authorization: string, digest: string, timestamp: string, tag = "main", id = crypto.randomUUID()): SentWebhook => ({
	headers: { "content-type": "application/vnd.docker.distribution.events.v2+json", "user-agent": "Go-http-client/1.1", authorization },
	body: JSON.stringify({
		events: [
			{
				id,
				timestamp,
				action: "push",
				target: {
					mediaType: "application/vnd.oci.image.manifest.v1+json",
					digest,
					size: 708,
					length: 708,
					repository: "octo/app",
					url: `https://registry.example.com/v2/octo/app/manifests/${digest}`,
					tag,
				},
				request: { id: crypto.randomUUID(), addr: "172.17.42.1:51154", host: "registry.example.com", method: "PUT", useragent: "docker/28.0" },
				actor: { name: "ci" },
				source: { addr: "registry-0:5000", instanceID: "53c3a7a6-7e0a-4ba0-a1f0-8d1f4c0b1a55" },
			},
		],
	}),
});

/** https://goharbor.io/docs/latest/working-with-projects/project-configuration/configure-webhooks/ */
export const harbor = (authorization: string, digest: string, occurAt: number): SentWebhook => ({
	headers: { "content-type": "application/json", "user-agent": "Go-http-client/1.1", authorization },
	body: JSON.stringify({
		type: "PUSH_ARTIFACT",
		occur_at: occurAt,
		operator: "admin",
		event_data: {
			resources: [{ digest, tag: "main", resource_url: "harbor.example.com/octo/app:main" }],
			repository: { date_created: 1586922308, name: "app", namespace: "octo", repo_full_name: "octo/app", repo_type: "private" },
		},
	}),
});

export const harborCloudEvent = (authorization: string, digest: string, time: string): SentWebhook => ({
	headers: { "content-type": "application/cloudevents+json; charset=UTF-8", authorization },
	body: JSON.stringify({
		specversion: "1.0",
		id: crypto.randomUUID(),
		source: "/projects/2/webhook/policies/15",
		type: "harbor.artifact.pushed",
		datacontenttype: "application/json",
		time,
		data: {
			resources: [{ digest, tag: "main", resource_url: "harbor.example.com/octo/app:main" }],
			repository: { date_created: 1677053165, name: "app", namespace: "octo", repo_full_name: "octo/app", repo_type: "private" },
		},
		operator: "robot$ci",
	}),
});

/** As Slack and others sign: "v0:<timestamp>:<body>". */
export function slackLike(secret: string, payload: object, atSeconds: number): SentWebhook {
	const body = JSON.stringify(payload);
	const signature = `v0=${hexHmac(secret, `v0:${atSeconds}:${body}`)}`;
	return { headers: { "content-type": "application/json", "x-slack-request-timestamp": String(atSeconds), "x-slack-signature": signature }, body };
}

/** Signed by the standard's own package. */
export function standardWebhook(secret: string, payload: object, at: Date, id = `msg_${crypto.randomUUID()}`): SentWebhook {
	const body = JSON.stringify(payload);
	const signature = new Webhook(secret).sign(id, at, body);
	return {
		headers: {
			"content-type": "application/json",
			"webhook-id": id,
			"webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
			"webhook-signature": signature,
		},
		body,
	};
}

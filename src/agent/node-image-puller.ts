/** The node's puller of images, as kubelet's configuration has it. */
import type { AgentOptions } from "./agent-options.ts";
import type { Clock } from "./clock.ts";
import type { EventRecorder } from "./event-recorder.ts";
import { CredentialProviders } from "./image/credential-providers.ts";
import { PullRecords } from "./image/pull-records.ts";
import { ImagePuller } from "./image-puller.ts";
import { DEFAULT_KUBELET_CONFIGURATION } from "./kubelet-configuration.ts";
import type { Logger } from "./log.ts";
import type { ObjectSource } from "./object-source.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";

interface Parts {
	options: AgentOptions;
	runtime: ContainerRuntime;
	clock: Clock;
	log: Logger;
}

export function nodeImagePuller({ options, runtime, clock, log }: Parts, events: EventRecorder, objects: ObjectSource): ImagePuller {
	const { configuration = DEFAULT_KUBELET_CONFIGURATION, credentialProviders, dataDir: dataDirectory } = options;
	const { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: allowlist } = configuration;
	const providers = credentialProviders && new CredentialProviders({ ...credentialProviders, clock, log });
	return new ImagePuller({
		runtime,
		events,
		clock,
		objects,
		records: new PullRecords({ dataDirectory, policy, allowlist }),
		nodeCredentials: async (ref) => (await providers?.credentials(ref)) ?? [],
		parallelPulls: configuration.serializeImagePulls ? 1 : configuration.maxParallelImagePulls,
	});
}

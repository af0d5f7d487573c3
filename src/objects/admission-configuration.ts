/** The Worker's admission configuration, read once an isolate. */
import { type AdmissionConfiguration, DEFAULT_CONFIGURATION, readAdmissionConfiguration } from "../core/admission/configuration.ts";
import type { Json } from "../core/meta/object.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";

let read: { text: string; configuration: AdmissionConfiguration } | undefined;

/** Throws when it cannot be read: like kube-apiserver, nothing is served without the rules that were asked for. */
export function admissionConfiguration({ PETREL_ADMISSION: text = "" }: WorkerEnv): AdmissionConfiguration {
	if (read?.text !== text) read = { text, configuration: text === "" ? DEFAULT_CONFIGURATION : readAdmissionConfiguration(JSON.parse(text) as Json) };
	return read.configuration;
}

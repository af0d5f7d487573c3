/** Rules of probes and lifecycle handlers: validateProbe and validateHandler of pkg/apis/core/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { httpHeaderName, NON_NEGATIVE_ERROR, portName, portNumber } from "../meta/name-rules.ts";
import type { Lifecycle, LifecycleHandler, Probe } from "../schema/kubernetes.d.ts";

const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;
const COUNTS = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] as const;
const SCHEMES = ["HTTP", "HTTPS"];

type Handler = Pick<Probe, "exec" | "httpGet" | "tcpSocket" | "grpc"> & Pick<LifecycleHandler, "sleep">;

/** ValidatePortNumOrName. */
export function validatePortNumberOrName(port: number | string | undefined, path: string): FieldError[] {
	const problems = typeof port === "string" ? portName(port) : portNumber(port ?? 0);
	return problems.map((problem) => invalid(path, port ?? 0, problem));
}

function validateHttpGet(action: NonNullable<Handler["httpGet"]>, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!action.path) errors.push(required(`${path}.path`));
	errors.push(...validatePortNumberOrName(action.port, `${path}.port`));
	if (!SCHEMES.includes(action.scheme ?? "")) errors.push(notSupported(`${path}.scheme`, action.scheme ?? "", SCHEMES));
	for (const header of action.httpHeaders ?? []) {
		for (const problem of httpHeaderName(header.name)) errors.push(invalid(`${path}.httpHeaders`, header.name, problem));
	}
	return errors;
}

/** One handler, and a right one. `graceSeconds` bounds a sleep before the stop. */
function validateHandler(handler: Handler, path: string, graceSeconds: number | undefined): FieldError[] {
	const [first, ...more] = HANDLERS.filter((name) => handler[name]);
	if (!first) return [required(path, "must specify a handler type")];
	const errors = more.map((name) => forbidden(`${path}.${name}`, "may not specify more than 1 handler type"));
	const at = `${path}.${first}`;
	if (first === "exec" && !handler.exec?.command?.length) errors.push(required(`${at}.command`));
	if (handler.httpGet && first === "httpGet") errors.push(...validateHttpGet(handler.httpGet, at));
	if (first === "tcpSocket") errors.push(...validatePortNumberOrName(handler.tcpSocket?.port, `${at}.port`));
	if (first === "grpc") errors.push(...validatePortNumberOrName(handler.grpc?.port, `${at}.port`));
	if (first === "sleep") {
		const seconds = handler.sleep?.seconds ?? 0;
		if (seconds < 0 || (graceSeconds !== undefined && seconds > graceSeconds)) {
			errors.push(invalid(at, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds ?? 0})`));
		}
	}
	return errors;
}

function validateProbe(probe: Probe, path: string): FieldError[] {
	const errors = validateHandler(probe, path, undefined);
	for (const field of COUNTS) {
		const value = probe[field];
		if (value !== undefined && value < 0) errors.push(invalid(`${path}.${field}`, value, NON_NEGATIVE_ERROR));
	}
	const grace = probe.terminationGracePeriodSeconds;
	if (grace !== undefined && grace <= 0) errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
	return errors;
}

/** The three probes of a container that may have any. */
export function validateProbes(probes: { livenessProbe?: Probe; readinessProbe?: Probe; startupProbe?: Probe }, path: string): FieldError[] {
	const errors: FieldError[] = [];
	for (const name of ["livenessProbe", "readinessProbe", "startupProbe"] as const) {
		const probe = probes[name];
		if (!probe) continue;
		const at = `${path}.${name}`;
		errors.push(...validateProbe(probe, at));
		if (name === "readinessProbe") {
			const grace = probe.terminationGracePeriodSeconds;
			if (grace !== undefined) errors.push(invalid(`${at}.terminationGracePeriodSeconds`, grace, "must not be set for readinessProbes"));
		} else if (probe.successThreshold !== 1) {
			errors.push(invalid(`${at}.successThreshold`, probe.successThreshold ?? 0, "must be 1"));
		}
	}
	return errors;
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, path: string, graceSeconds: number | undefined): FieldError[] {
	const errors: FieldError[] = [];
	if (lifecycle?.postStart) errors.push(...validateHandler(lifecycle.postStart, `${path}.postStart`, graceSeconds));
	if (lifecycle?.preStop) errors.push(...validateHandler(lifecycle.preStop, `${path}.preStop`, graceSeconds));
	return errors;
}

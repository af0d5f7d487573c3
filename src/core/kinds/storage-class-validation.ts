/** Rules that the classes of storage share: pkg/apis/storage/validation. */
import { duplicate, type FieldError, invalid, required, tooLong } from "../errors/field-error.ts";
import { byteLength, dns1123Subdomain, labelValue, qualifiedName } from "../meta/name-rules.ts";
import { semanticEqual } from "../meta/equality.ts";
import { validateLabelName } from "../meta/object-meta-validation.ts";
import type { TopologySelectorTerm } from "../schema/kubernetes.d.ts";

const PARAMETERS_MAX = 512;
const PARAMETERS_BYTES_MAX = 256 * 1024;
const DRIVER_NAME_BYTES_MAX = 63;

/** The name of a provisioner or of a driver that a class names. */
export function validateProvisioner(name: string | undefined, path: string): FieldError[] {
	if (!name) return [required(path)];
	const lower = name.toLowerCase();
	return qualifiedName(lower).map((problem) => invalid(path, lower, problem));
}

export function validateParameters(parameters: Record<string, string> | undefined, allowEmpty: boolean, path: string): FieldError[] {
	const entries = Object.entries(parameters ?? {});
	if (entries.length > PARAMETERS_MAX) return [tooLong(path, PARAMETERS_MAX)];
	const errors: FieldError[] = [];
	let bytes = 0;
	for (const [key, value] of entries) {
		if (key === "") errors.push(invalid(path, key, "field can not be empty."));
		bytes += byteLength(key) + byteLength(value);
	}
	if (bytes > PARAMETERS_BYTES_MAX) errors.push(tooLong(path, PARAMETERS_BYTES_MAX));
	if (!allowEmpty && entries.length === 0) errors.push(required(path, "must contain at least one key/value pair"));
	return errors;
}

/** ValidateCSIDriverName: a subdomain in any case, short enough for a label. */
export function validateDriverName(name: string | undefined, path: string): FieldError[] {
	if (!name) return [required(path)];
	const errors = byteLength(name) > DRIVER_NAME_BYTES_MAX ? [tooLong(path, DRIVER_NAME_BYTES_MAX)] : [];
	return [...errors, ...dns1123Subdomain(name.toLowerCase()).map((problem) => invalid(path, name, problem))];
}

function validateTerm(term: TopologySelectorTerm, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const keys = new Set<string>();
	for (const [index, { key, values }] of (term.matchLabelExpressions ?? []).entries()) {
		const at = `${path}.matchLabelExpressions[${index}]`;
		const seen = new Set<string>();
		if (!values?.length) errors.push(required(`${at}.values`));
		for (const [i, value] of (values ?? []).entries()) {
			for (const problem of labelValue(value)) errors.push(invalid(`${at}.values[${i}]`, value, problem));
			if (seen.has(value)) errors.push(duplicate(`${at}.values[${i}]`, value));
			seen.add(value);
		}
		errors.push(...validateLabelName(key ?? "", `${at}.key`));
		if (keys.has(key)) errors.push(duplicate(`${at}.key`, key));
		keys.add(key);
	}
	return errors;
}

const termSet = (term: TopologySelectorTerm): unknown =>
	(term.matchLabelExpressions ?? []).map(({ key, values }) => [key, [...(values ?? [])].sort()]).sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));

/** Topologies that a class is confined to; no two of them say the same. */
export function validateTopologies(terms: readonly TopologySelectorTerm[] | undefined, path: string): FieldError[] {
	const all = terms ?? [];
	return all.flatMap((term, index) => {
		const errors = validateTerm(term, `${path}[${index}]`);
		const repeats = all.slice(0, index).filter((earlier) => semanticEqual(termSet(earlier), termSet(term)));
		return [...errors, ...repeats.map(() => duplicate(`${path}[${index}].matchLabelExpressions`, ""))];
	});
}

/** What a label key and a label value may look like, in the words of k8s.io/apimachinery/pkg/util/validation. */

const QUALIFIED_NAME_FORMAT = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED_NAME = new RegExp(`^${QUALIFIED_NAME_FORMAT}$`);
const LABEL_VALUE_FORMAT = `(${QUALIFIED_NAME_FORMAT})?`;
const LABEL_VALUE = new RegExp(`^${LABEL_VALUE_FORMAT}$`);
const SUBDOMAIN_FORMAT = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const SUBDOMAIN = new RegExp(`^${SUBDOMAIN_FORMAT}$`);
const NAME_BYTES_MAX = 63;
const SUBDOMAIN_BYTES_MAX = 253;

const tooLongText = (max: number): string => `must be no more than ${max} bytes`;

function patternText(message: string, format: string, examples: readonly string[]): string {
	return `${message} (e.g. ${examples.map((e) => `'${e}', `).join(" or ")}regex used for validation is '${format}')`;
}

const nameText = (): string =>
	patternText("must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", QUALIFIED_NAME_FORMAT, [
		"MyName",
		"my.name",
		"123-abc",
	]);

function subdomainErrors(text: string): string[] {
	const errors: string[] = [];
	if (text.length > SUBDOMAIN_BYTES_MAX) errors.push(tooLongText(SUBDOMAIN_BYTES_MAX));
	if (!SUBDOMAIN.test(text)) {
		const message =
			"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
		errors.push(patternText(message, SUBDOMAIN_FORMAT, ["example.com"]));
	}
	return errors;
}

/** The broken rules of a label key (IsQualifiedName); none when it is well formed. */
export function labelKeyErrors(key: string): string[] {
	const parts = key.split("/");
	if (parts.length > 2) return [`a qualified name ${nameText()} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
	const errors: string[] = [];
	const name = parts[parts.length - 1] as string;
	if (parts.length === 2) {
		const prefix = parts[0] as string;
		if (prefix === "") errors.push("prefix part must be non-empty");
		else errors.push(...subdomainErrors(prefix).map((e) => `prefix part ${e}`));
	}
	if (name === "") errors.push("name part must be non-empty");
	else if (name.length > NAME_BYTES_MAX) errors.push(`name part ${tooLongText(NAME_BYTES_MAX)}`);
	if (!QUALIFIED_NAME.test(name)) errors.push(`name part ${nameText()}`);
	return errors;
}

/** The broken rules of a label value (IsValidLabelValue); none when it is well formed. */
export function labelValueErrors(value: string): string[] {
	const errors: string[] = [];
	if (value.length > NAME_BYTES_MAX) errors.push(tooLongText(NAME_BYTES_MAX));
	if (!LABEL_VALUE.test(value)) {
		const message =
			"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
		errors.push(patternText(message, LABEL_VALUE_FORMAT, ["MyValue", "my_value", "12345"]));
	}
	return errors;
}

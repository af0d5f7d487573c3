/** VolumeAttachment: pkg/registry/storage/volumeattachment, pkg/apis/storage/validation. */
import { type FieldError, forbidden, invalid, required, tooLong } from "../errors/field-error.ts";
import { byteLength, dns1123Subdomain, rangeError } from "../meta/name-rules.ts";
import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateWith } from "./object-reference-validation.ts";
import { validatePersistentVolumeSpec } from "./persistent-volume-validation.ts";
import { validateDriverName } from "./storage-class-validation.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const METADATA_BYTES_MAX = 256 * 1024;
const MESSAGE_BYTES_MAX = 1024;
const INT32_MAX = 2 ** 31 - 1;
const SPEC = "storage/v1.VolumeAttachmentSpec";
const ONE_SOURCE = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";

function validateSource({ inlineVolumeSpec, persistentVolumeName: name }: VolumeAttachmentSource, path: string): FieldError[] {
	if (!inlineVolumeSpec && name === undefined) return [required(path, ONE_SOURCE)];
	if (inlineVolumeSpec && name !== undefined) return [forbidden(path, ONE_SOURCE)];
	if (inlineVolumeSpec) return validatePersistentVolumeSpec(inlineVolumeSpec, true, `${path}.inlineVolumeSpec`);
	if (!name) return [required(`${path}.persistentVolumeName`, "must specify non empty persistentVolumeName")];
	return validateWith(dns1123Subdomain, name, `${path}.persistentVolumeName`);
}

function validateError(error: VolumeError | undefined, path: string): FieldError[] {
	const errors = byteLength(error?.message ?? "") > MESSAGE_BYTES_MAX ? [tooLong(`${path}.message`, MESSAGE_BYTES_MAX)] : [];
	if ((error?.errorCode ?? 0) < 0) errors.push(invalid(`${path}.errorCode`, error?.errorCode, rangeError(0, INT32_MAX)));
	return errors;
}

function validateStatus({ status }: VolumeAttachment): FieldError[] {
	const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0);
	return [
		...(bytes > METADATA_BYTES_MAX ? [tooLong("status.attachmentMetadata", METADATA_BYTES_MAX)] : []),
		...validateError(status?.attachError, "status.attachError"),
		...validateError(status?.detachError, "status.detachError"),
	];
}

const validate = ({ spec }: VolumeAttachment): FieldError[] => [
	...validateDriverName(spec.attacher, "spec.attacher"),
	...validateSource(spec.source ?? {}, "spec.source"),
	...dns1123Subdomain(spec.nodeName ?? "").map((problem) => invalid("spec.nodeName", spec.nodeName ?? "", problem)),
];

export const volumeAttachmentKind = defineKind<VolumeAttachment>({
	group: "storage.k8s.io",
	version: "v1",
	kind: "VolumeAttachment",
	plural: "volumeattachments",
	singular: "volumeattachment",
	scope: "Cluster",
	schema: "storage/v1.VolumeAttachment",
	allowUnconditionalUpdate: false,
	subresources: { status: { prepareUpdate: statusSubresource.prepareUpdate, validateUpdate: validateStatus } },
	defaults({ spec }) {
		const inline = spec.source?.inlineVolumeSpec;
		if (inline) inline.volumeMode ??= "Filesystem";
	},
	prepareCreate(attachment) {
		attachment.status = { attached: false };
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, "spec"),
	columns: [
		fieldColumn(SPEC, "attacher", { name: "Attacher", type: "string", cell: ({ spec }) => spec.attacher }),
		fieldColumn("storage/v1.VolumeAttachmentSource", "persistentVolumeName", {
			name: "PV",
			type: "string",
			cell: ({ spec }) => spec.source?.persistentVolumeName ?? "",
		}),
		fieldColumn(SPEC, "nodeName", { name: "Node", type: "string", cell: ({ spec }) => spec.nodeName }),
		fieldColumn("storage/v1.VolumeAttachmentStatus", "attached", { name: "Attached", type: "boolean", cell: ({ status }) => status?.attached ?? false }),
		ageColumn,
	],
});

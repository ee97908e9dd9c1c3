import { execFileSync } from 'node:child_process';
import { createFileRegistry, fromBinary, ScalarType } from '@bufbuild/protobuf';
import type { DescEnum, DescField, DescFile, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { format } from 'prettier';
import { TOPIC_EVENTS } from '#libs/contracts';
import type { Topic } from '#libs/contracts';
import { readTopics } from '#libs/messaging';
import { writeOrCheck } from './generated.js';

/** Writes docs/asyncapi.json from proto/ and deploy/kafka/topics.yaml; with --check it only compares and fails on drift. */
const FILE = 'docs/asyncapi.json';
const DAY_MS = 86_400_000;

type Json = Record<string, unknown>;

/** The schemas with their comments, which the generated code does not contain. */
function readSchemas(): FileRegistry {
  const binary = execFileSync('node_modules/.bin/buf', ['build', 'proto', '-o', '-'], { maxBuffer: 1 << 24 });
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, binary));
}

/** The comment above a declaration, as one paragraph. */
function comment(file: DescFile, path: readonly number[]): string | undefined {
  const wanted = path.join('.');
  const place = file.proto.sourceCodeInfo?.location.find((location) => location.path.join('.') === wanted);
  const text = place?.leadingComments.trim().replaceAll(/\s*\n\s*/g, ' ');
  return text === undefined || text === '' ? undefined : text;
}

// field numbers in a FileDescriptorProto: 4 its messages, 5 its enums; 2 the fields of a message
const placeOf = (message: DescMessage): number[] => [4, message.file.messages.indexOf(message)];
const describe = (text: string | undefined): Json => (text === undefined ? {} : { description: text });

/** Schema of the Protobuf JSON form; on the topic the message is Protobuf binary. */
const SCALARS: Readonly<Partial<Record<ScalarType, Json>>> = {
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.INT32]: { type: 'integer', format: 'int32' },
  [ScalarType.UINT32]: { type: 'integer', format: 'uint32' },
  [ScalarType.INT64]: { type: 'string', pattern: '^-?[0-9]+$', format: 'int64' },
  [ScalarType.UINT64]: { type: 'string', pattern: '^[0-9]+$', format: 'uint64' },
};

class Schemas {
  readonly all: Record<string, Json> = {};

  ofMessage(message: DescMessage): Json {
    if (message.typeName === 'google.protobuf.Timestamp') return { type: 'string', format: 'date-time' };
    return this.kept(message.typeName, () => ({
      type: 'object',
      ...describe(comment(message.file, placeOf(message))),
      properties: Object.fromEntries(message.fields.map((field) => [field.jsonName, this.ofField(field)])),
    }));
  }

  private ofField(field: DescField): Json {
    const text = comment(field.parent.file, [...placeOf(field.parent), 2, field.parent.fields.indexOf(field)]);
    const about = { ...describe(text), 'x-field-number': field.number };
    switch (field.fieldKind) {
      case 'scalar':
        return { ...scalar(field.scalar), ...about };
      case 'enum':
        return this.about(this.ofEnum(field.enum), about);
      case 'message':
        return this.about(this.ofMessage(field.message), about);
      case 'list': {
        const items =
          field.listKind === 'scalar'
            ? scalar(field.scalar)
            : field.listKind === 'enum'
              ? this.ofEnum(field.enum)
              : this.ofMessage(field.message);
        return { type: 'array', items, ...about };
      }
      case 'map':
        throw new TypeError(`${field.parent.typeName}.${field.name}: maps are not supported`);
    }
  }

  private ofEnum(type: DescEnum): Json {
    return this.kept(type.typeName, () => ({
      type: 'string',
      ...describe(comment(type.file, [5, type.file.enums.indexOf(type)])),
      enum: type.values.map(({ name }) => name),
    }));
  }

  /** Keywords beside a reference would be ignored. */
  private about(schema: Json, about: Json): Json {
    return '$ref' in schema ? { allOf: [schema], ...about } : { ...schema, ...about };
  }

  private kept(name: string, make: () => Json): Json {
    if (this.all[name] === undefined) {
      this.all[name] = {};
      this.all[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}

function scalar(type: ScalarType): Json {
  return SCALARS[type] ?? { type: 'number' };
}

const HEADERS: Json = {
  type: 'object',
  required: [
    ...['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_time', 'ce_dataschema', 'ce_partitionkey'],
    'content-type',
  ],
  properties: {
    ce_specversion: { const: '1.0' },
    ce_id: { type: 'string', description: 'Consumers drop events that they have handled.' },
    ce_type: { type: 'string', description: 'Full name of the message.' },
    ce_source: { type: 'string', format: 'uri-reference', description: 'The publishing service.' },
    ce_time: { type: 'string', format: 'date-time' },
    ce_dataschema: { type: 'string', format: 'uri-reference', description: 'Ends with the full name of the message.' },
    ce_partitionkey: { type: 'string', description: 'The key of the record.' },
    ce_subject: { type: 'string' },
    traceparent: { type: 'string', description: 'W3C trace context of the call that caused the event.' },
    'content-type': { const: 'application/protobuf' },
  },
};

/** `hezong.ledger.postings.v1` → `ledger.postings`. */
const channelOf = (topic: string): string => topic.split('.').slice(1, -1).join('.');

function documentOf(registry: FileRegistry): Json {
  const schemas = new Schemas();
  const channels: Json = {};
  const operations: Json = {};
  const messages: Json = {};
  for (const topic of readTopics()) {
    const events = (TOPIC_EVENTS as Readonly<Record<string, (typeof TOPIC_EVENTS)[Topic] | undefined>>)[topic.name];
    if (events === undefined) throw new Error(`${topic.name} is only in topics.yaml`);
    const channel = channelOf(topic.name);
    const service = topic.name.split('.')[1] ?? '';
    for (const { typeName } of events.messages) {
      const message = registry.getMessage(typeName);
      if (message === undefined) throw new Error(`${typeName} is in no .proto`);
      messages[message.name] = {
        name: typeName,
        title: message.name,
        ...describe(comment(message.file, placeOf(message))),
        contentType: 'application/protobuf',
        headers: { $ref: '#/components/schemas/CloudEventHeaders' },
        payload: schemas.ofMessage(message),
        bindings: { kafka: { key: { type: 'string', description: `The ${events.key}.` } } },
      };
    }
    const names = events.messages.map(({ name }) => name);
    channels[channel] = {
      address: topic.name,
      description: `Records of one key (${events.key}) keep their order.${
        topic.tombstoneDays === undefined
          ? ''
          : ' The last record of a key that ended is a tombstone: headers without a body.'
      }`,
      messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
      bindings: {
        kafka: {
          topic: topic.name,
          partitions: topic.partitions,
          topicConfiguration: {
            'cleanup.policy': [topic.compacted === true ? 'compact' : 'delete'],
            'retention.ms': topic.retentionDays === undefined ? -1 : topic.retentionDays * DAY_MS,
            ...(topic.tombstoneDays === undefined ? {} : { 'delete.retention.ms': topic.tombstoneDays * DAY_MS }),
          },
        },
      },
    };
    operations[`${channel}.publish`] = {
      action: 'send',
      summary: `Published by the ${service} service.`,
      channel: { $ref: `#/channels/${channel}` },
      messages: names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` })),
    };
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Hezong events',
      version: '1',
      description:
        'The internal topics: CloudEvents 1.0 in the binary mode of Kafka, bodies in Protobuf. Schemas show the JSON form of the messages; ' +
        'fields carry their numbers. An event may arrive more than once, with the same `ce_id`.',
    },
    defaultContentType: 'application/protobuf',
    channels,
    operations,
    components: { messages, schemas: { CloudEventHeaders: HEADERS, ...schemas.all } },
  };
}

const wanted = await format(JSON.stringify(documentOf(readSchemas())), { parser: 'json', printWidth: 120 });
await writeOrCheck('gen:asyncapi', new Map([[FILE, wanted]]));

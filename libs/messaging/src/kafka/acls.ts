import { readFileSync } from 'node:fs';
import kafkajs, { type AclEntry } from 'kafkajs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { KafkaAccess } from '../ports.js';
import { kafkaClient } from './kafka-connection.js';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

/** File with the rights of all Kafka users, relative to the root of the repository or image. */
export const ACLS_FILE = 'deploy/kafka/acls.yaml';

const topics = z.array(z.string().regex(/^hezong\./));
const file = z.strictObject({
  users: z.array(
    z.strictObject({
      name: z.string().regex(/^hezong-[a-z]+$/),
      writes: topics.default([]),
      groups: z.record(z.string().regex(/^[a-z]+\.[a-z.-]+$/), topics).default({}),
    }),
  ),
});

/** Rights of one user: to write these topics, and to read the topics of its groups. */
export interface KafkaUser {
  readonly name: string;
  readonly writes: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

export function readAcls(path: string = ACLS_FILE): KafkaUser[] {
  return file.parse(parse(readFileSync(path, 'utf8'))).users;
}

/**
 * Deployment step: gives the users the rights of the file and revokes all their others. Rights of users outside the file stay.
 * The caller needs the rights to alter and describe the cluster. Returns the changes as text.
 */
export async function declareAcls(
  access: KafkaAccess,
  options: { file?: string; users?: readonly KafkaUser[] } = {},
): Promise<string[]> {
  const users = options.users ?? readAcls(options.file);
  const wanted = new Map(users.flatMap(rightsOf).map((right) => [textOf(right), right]));
  const admin = kafkaClient(access, 'hezong-acls').admin();
  await admin.connect();
  try {
    const found = new Map<string, AclEntry>();
    for (const { name } of users) {
      const { resources } = await admin.describeAcls({
        principal: principalOf(name),
        resourceType: AclResourceTypes.ANY,
        resourcePatternType: ResourcePatternTypes.ANY,
        operation: AclOperationTypes.ANY,
        permissionType: AclPermissionTypes.ANY,
      });
      for (const { acls, ...resource } of resources)
        for (const acl of acls) found.set(textOf({ ...resource, ...acl }), { ...resource, ...acl });
    }
    const missing = [...wanted].filter(([text]) => !found.has(text));
    const tooMany = [...found].filter(([text]) => !wanted.has(text));
    if (missing.length > 0) await admin.createAcls({ acl: missing.map(([, right]) => right) });
    if (tooMany.length > 0) await admin.deleteAcls({ filters: tooMany.map(([, right]) => right) });
    return [...missing.map(([text]) => `given: ${text}`), ...tooMany.map(([text]) => `taken: ${text}`)];
  } finally {
    await admin.disconnect();
  }
}

function principalOf(user: string): string {
  return `User:${user}`;
}

function rightsOf({ name, writes, groups }: KafkaUser): AclEntry[] {
  const right = (
    resourceType: AclEntry['resourceType'],
    resourceName: string,
    operation: AclEntry['operation'],
  ): AclEntry => ({
    principal: principalOf(name),
    host: '*',
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  });
  return [
    ...writes.map((topic) => right(AclResourceTypes.TOPIC, topic, AclOperationTypes.WRITE)),
    ...Object.entries(groups).flatMap(([group, read]) => [
      right(AclResourceTypes.GROUP, group, AclOperationTypes.READ),
      ...read.map((topic) => right(AclResourceTypes.TOPIC, topic, AclOperationTypes.READ)),
    ]),
  ];
}

function textOf(right: AclEntry): string {
  const { principal, permissionType, operation, resourceType, resourceName, resourcePatternType, host } = right;
  const words = [
    nameOf(AclPermissionTypes, permissionType),
    nameOf(AclOperationTypes, operation),
    nameOf(AclResourceTypes, resourceType),
    resourcePatternType === ResourcePatternTypes.LITERAL ? '' : nameOf(ResourcePatternTypes, resourcePatternType),
    resourceName,
    host === '*' ? '' : `from ${host}`,
  ];
  return `${principal} ${words.filter((word) => word !== '').join(' ')}`;
}

/** kafkajs's enumerations map names to numbers, not numbers to names. */
function nameOf(values: object, value: number): string {
  return Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value);
}

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { composeFaults, readCompose } from '../processes/compose.js';
import { readDockerfile } from '../processes/image.js';
import { SECRETS } from '../tools/compose-env.js';

const read = (path: string): string => readFileSync(path, 'utf8');
const drawn = Object.fromEntries(Object.keys(SECRETS).map((name) => [name, `drawn-${name.toLowerCase()}`]));
const compose = readCompose(drawn);
const services = readdirSync('services');
const ours = Object.entries(compose.services).filter(([, { command }]) => command?.[0] === 'node');

/** Whether one service depends on the other, directly or indirectly. */
function waitsFor(name: string, other: string): boolean {
  const after = Object.keys(compose.services[name]?.depends_on ?? {});
  return after.includes(other) || after.some((one) => waitsFor(one, other));
}

describe('docker-compose.yml', () => {
  it('is valid under the compose specification', () => {
    expect(composeFaults(compose)).toEqual([]);
    expect(composeFaults({ ...compose, services: { x: { image: 1 } } } as never)).not.toEqual([]);
  });

  it('runs every service, the ledger and its consumers twice, from one image', () => {
    const mains = ours
      .map(([, { command }]) => command?.[1]?.match(/^dist\/services\/(\w+)\/src\/main\.js$/)?.[1])
      .filter((name) => name !== undefined);
    expect([...new Set(mains)].sort()).toEqual(services.sort());
    for (const twice of ['ledger', 'membership', 'referrals', 'settlement']) {
      expect(mains.filter((name) => name === twice)).toHaveLength(2);
      const numbers = [1, 2].map((n) => compose.services[`${twice}-${n}`]?.environment?.['INSTANCE']);
      expect(numbers).toEqual(['0', '1']);
    }
    expect(new Set(ours.map(([, { image }]) => image)).size).toBe(1);
    for (const [, service] of ours) expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  });

  it('contains no secret, publishes only on loopback, and names every address it uses', () => {
    const text = read('docker-compose.yml');
    for (const name of Object.keys(SECRETS)) expect(text).toContain(`\${${name}:-`);
    // the only default is a database on loopback, for local runs without compose.env
    expect(
      [...text.matchAll(/(?:PASSWORD|KEYS?|PEPPERS):-([^}]+)\}/g)].every(([, fallback]) => fallback === 'hezong'),
    ).toBe(true);
    for (const { ports } of Object.values(compose.services))
      for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const [, { environment }] of ours) {
      for (const host of Object.values(environment ?? {}).flatMap((value) =>
        [...value.matchAll(/\/\/(?:[^/@,]*@)?([a-z0-9-]+):(?:8080|5432)/g)].map((match) => match[1] ?? ''),
      )) {
        expect(Object.keys(compose.services)).toContain(host);
      }
    }
  });

  it('gives every service its own key for internal calls, and no key of another service', () => {
    for (const [name, { environment }] of ours) {
      const service = /^[a-z]+/.exec(name)?.[0] ?? '';
      const keys = Object.values(environment ?? {}).filter((value) => /^drawn-\w+_internal_key$/.test(value));
      expect([name, keys]).toEqual([name, services.includes(service) ? [`drawn-${service}_internal_key`] : []]);
    }
  });

  it('runs the steps in order before the services, and gives owner roles only to steps', () => {
    expect(compose.services['migrate']?.depends_on).toEqual({
      provision: { condition: 'service_completed_successfully' },
    });
    for (const [name, { environment, depends_on: after }] of ours) {
      if (['provision', 'migrate', 'topics', 'acls', 'operator', 'rotation'].includes(name)) continue;
      expect(after).toMatchObject({
        migrate: { condition: 'service_completed_successfully' },
        topics: { condition: 'service_completed_successfully' },
      });
      expect(
        Object.entries(environment ?? {}).filter(
          ([key, value]) => key.includes('MIGRATION') || /_owner|_rotation/.test(value),
        ),
      ).toEqual([]);
    }
  });

  it('restarts whatever stops, except completed steps', () => {
    for (const [name, { restart, command }] of Object.entries(compose.services)) {
      const step = /dist\/(deploy\/tools|services\/identity\/src\/bootstrap|services\/crm\/src\/rotation)/.test(
        command?.[1] ?? '',
      );
      expect([name, restart]).toEqual([
        name,
        ['operator', 'acls', 'rotation'].includes(name) ? 'no' : step ? 'on-failure:5' : 'unless-stopped',
      ]);
    }
  });

  it('builds its image once, before anything runs, and never pulls it', () => {
    expect(ours.filter(([, { build }]) => build !== undefined).map(([name]) => name)).toEqual(['provision']);
    for (const [name, service] of ours) {
      expect([name, service.pull_policy]).toEqual([name, name === 'provision' ? 'missing' : 'never']);
      if (service.environment?.['PORT'] !== undefined)
        expect([name, waitsFor(name, 'provision')]).toEqual([name, true]);
    }
  });

  it('creates the operator’s client without running the steps again', () => {
    expect(compose.services['operator']).toMatchObject({ profiles: ['operator'] });
    expect(compose.services['operator']?.depends_on).toBeUndefined();
  });

  it('is monitored: every instance is scraped, and the dashboard uses only metrics that exist', () => {
    const targets = ours.flatMap(([name, { environment }]) =>
      environment?.['PORT'] === undefined ? [] : [`${name}:${environment['OPS_PORT']}`],
    );
    const prometheus = parse(read('deploy/prometheus/prometheus.yaml')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    expect(prometheus.scrape_configs[0]?.static_configs[0]?.targets.sort()).toEqual(targets.sort());
    const code = ['libs', 'services']
      .flatMap((tree) => readdirSync(tree, { recursive: true, encoding: 'utf8' }).map((file) => join(tree, file)))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      .map(read)
      .join('\n');
    const asked = `${read('deploy/grafana/dashboards/network.json')}${read('deploy/prometheus/alerts.yaml')}`;
    const names = new Set(
      [...asked.matchAll(/\bhezong_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, '')),
    );
    expect(names.size).toBeGreaterThan(7);
    for (const name of names) expect(code).toContain(`'${name}'`);
  });
});

describe('Dockerfile', () => {
  const image = readDockerfile();
  const find = (keyword: string): string[][] =>
    image.instructions.filter((one) => one.keyword === keyword).map(({ words }) => words);

  it('builds in stages on a Node 24 that can be chosen, and runs as an unprivileged user', () => {
    expect(image.args).toEqual({ NODE_IMAGE: 'node:24-slim' });
    expect(image.stages).toEqual(['build', 'dependencies', '']);
    expect(find('USER')).toEqual([['1000:1000']]);
    expect(find('RUN')).toEqual([]);
    expect(find('STOPSIGNAL')).toEqual([['SIGTERM']]);
  });

  it('gets only the files it needs', () => {
    const ignored = read('.dockerignore').split('\n');
    expect(ignored).toContain('*');
    for (const kept of ignored.filter((line) => line.startsWith('!')))
      expect(kept).not.toMatch(/hezong|env|node_modules|\.git/);
  });
});

describe('chart', () => {
  const values = parse(read('deploy/helm/hezong/values.yaml')) as { services: Record<string, unknown> };

  it('runs every service', () => {
    expect(Object.keys(values.services).sort()).toEqual(services.sort());
  });

  it('refers only to values that exist', () => {
    for (const file of readdirSync('deploy/helm/hezong/templates')) {
      for (const [, path = ''] of read(`deploy/helm/hezong/templates/${file}`).matchAll(/\.Values\.([\w.]+)/g)) {
        let at: unknown = values;
        for (const part of path.split('.')) at = Reflect.get(at as object, part);
        expect([file, path, at !== undefined]).toEqual([file, path, true]);
      }
    }
  });
});

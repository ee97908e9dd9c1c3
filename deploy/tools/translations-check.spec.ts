import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ENGLISH =
  '# Title\n\nOf `points`.\n\n## 1. One\n\n```sh\n# not a heading\ncurl /v1/a # this\n```\n\n## 2. Two\n\nLast.\n';
const CHINESE =
  '# 标题\n\n`points` 说明。\n\n## 1. 一\n\n```sh\n# 不是标题\ncurl /v1/a # 注释\n```\n\n## 2. 二\n\n完。\n';

describe('translations', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hezong-translations-'));
  const translation = join(folder, 'README.zh-CN.md');
  const check = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [resolve('deploy/tools/translations-check.mjs'), ...args], {
      cwd: folder,
      encoding: 'utf8',
    });

  const documents = ['README', 'docs/partner-guide', 'docs/operator-guide', 'docs/member-guide'];
  let accepted: string;
  const put = (chinese: string): void => {
    for (const name of documents) {
      writeFileSync(join(folder, `${name}.md`), ENGLISH);
      writeFileSync(join(folder, `${name}.zh-CN.md`), chinese);
    }
  };

  beforeAll(() => {
    mkdirSync(join(folder, 'docs'));
    put(CHINESE);
    expect(check('--accept', ...documents.map((name) => `${name}.md`))).toMatchObject({ status: 0, stderr: '' });
    accepted = readFileSync(translation, 'utf8');
  });
  beforeEach(() => put(accepted));
  afterAll(() => rmSync(folder, { recursive: true }));

  const rewrite = (file: string, from: string | RegExp, to: string): void =>
    writeFileSync(join(folder, file), readFileSync(join(folder, file), 'utf8').replace(from, to));

  it('reports a section whose English has changed until its Chinese is accepted', () => {
    rewrite('README.md', 'Last.', 'Last, not least.');
    expect(check()).toMatchObject({
      status: 1,
      stderr: 'README.zh-CN.md: "## 2. 二": "## 2. Two" has changed since\n',
    });
    expect(check('--accept', 'README.md')).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(translation, 'utf8').replaceAll(/^<!-- .* -->\n\n/gm, '')).toBe(CHINESE);
  });

  it('ignores different line breaks', () => {
    rewrite('README.md', 'Of `points`.', 'Of\n`points`.');
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  it('reports a section that is missing in Chinese, and does not accept it', () => {
    rewrite('README.zh-CN.md', /## 2\.[^]*/, '');
    const fault = 'README.zh-CN.md: has "nothing" in the place of "## 2. Two"\n';
    expect(check()).toMatchObject({ status: 1, stderr: fault });
    expect(check('--accept', 'README.md')).toMatchObject({ status: 1, stderr: fault });
  });

  it('reports a section that has no English', () => {
    rewrite('README.zh-CN.md', /$/, '## 3. 三\n');
    expect(check()).toMatchObject({ status: 1, stderr: 'README.zh-CN.md: has "## 3. 三" in the place of "nothing"\n' });
  });

  it.each([
    ['README.zh-CN.md', 'curl /v1/a', 'curl /v1/b', '"## 1. 一" has other code than "## 1. One"'],
    ['README.zh-CN.md', '`points`', '`point`', '"# 标题": only in one of the two: `points`, `point`'],
    ['docs/member-guide.zh-CN.md', '## 2.', '## 3.', 'has "## 3. 二" in the place of "## 2. Two"'],
  ])('reports differences: %s, %s', (file, from, to, fault) => {
    rewrite(file, from, to);
    expect(check()).toMatchObject({ status: 1, stderr: `${file}: ${fault}\n` });
  });
});

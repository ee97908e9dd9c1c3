import Sequencer from '@jest/test-sequencer';

const ORDER = ['e2e', 'medium', 'property', 'unit'];

/** Whole networks first, so that no worker is left alone with one at the end: on a first run Jest knows no durations and goes by size of file. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ context }) => ORDER.indexOf(context.config.displayName?.name ?? '');
    return [...super.sort(tests)].sort((a, b) => place(a) - place(b));
  }
}

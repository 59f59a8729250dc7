/** What a person has to mend: on standard error, each line with our name; answers the exit code. */
export function complain(message: string, exitCode: number): number {
  process.stderr.write(`headwater: ${message.replaceAll('\n', '\nheadwater: ')}\n`);
  return exitCode;
}

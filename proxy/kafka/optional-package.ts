// Packages that come by a person's choice alone: lz4, snappy, @platformatic/kafka.

/** Whether it stands where this proxy finds it. Loads nothing. */
export function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

export const ready = true

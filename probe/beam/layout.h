/*
 * layout.h - where the fields of an Erlang emulator lie, by major version: tables taken from DWARF by
 * layouts/regenerate.sh, one for each release that a distribution packages. Data only. Not for finding the structs in a
 * node, nor for proving that a table fits it: offsets also differ with build options and patch releases, so whoever
 * attaches calibrates and validates first (attach.h), and may correct a copy of what is given here.
 */
#ifndef IMPASSE_PROBE_BEAM_LAYOUT_H
#define IMPASSE_PROBE_BEAM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum {
  BEAM_LAYOUT_ABSENT = -1, /* this version has no such field */
};

/* Offsets and sizes in bytes of x86-64; layout_fields.def says what each one is. */
struct beam_layout {
  int major;          /* of the release, 25 */
  const char *origin; /* the package it was taken from, "Debian 1:25.2.3+dfsg-1" */
#define FIELD(name, expression, help) int32_t name;
#include "probe/beam/layout_fields.def"
#undef FIELD
};

/* The layout of a major version, NULL when there is none. Static storage; any thread. */
const struct beam_layout *beam_layout_for(int major);

/* The layout to begin calibrating from: that of `major`, else of the nearest major version, of two equally near the
 * older one (a field that came in a later version is absent there, which is safe). Never NULL. */
const struct beam_layout *beam_layout_nearest(int major);

#endif

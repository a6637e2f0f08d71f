/* keys.c - the table of keys. Not here: what the commands do (screen.c, table.c). */
#include "tui/keys.h"

#include <stdio.h>
#include <string.h>

#define F(number) (INPUT_F1 + (number)-1)

const struct key keys[] = {
    {COMMAND_HELP, {F(1), '?', 'h'}, "Help", "This help; again or Esc: back."},
    {COMMAND_PANE, {'1', '2', '3', '4', '5', '6'}, NULL, "The pane of that number."},
    {COMMAND_NEXT_PANE, {INPUT_TAB}, NULL, "Next pane."},
    {COMMAND_PREVIOUS_PANE, {INPUT_BACKTAB}, NULL, "Previous pane."},
    {COMMAND_OPEN, {INPUT_ENTER, '\n'}, NULL, "Detail of the selected row."},
    {COMMAND_BACK,
     {INPUT_ESCAPE, INPUT_BACKSPACE},
     NULL,
     "Back; first drops a search or a filter."},
    {COMMAND_SEARCH,
     {F(3), '/'},
     "Search",
     "Go to the next row with a word in it; F3 again: further."},
    {COMMAND_FILTER, {F(4), '\\'}, "Filter", "Show only rows with a word in any of their texts."},
    {COMMAND_TREE, {F(5), 't'}, "Tree", "Waits: tree or table."},
    {COMMAND_SORT_NEXT, {F(6), '>', '.'}, "Sort", "Sort by the next column."},
    {COMMAND_SORT_PREVIOUS, {'<', ','}, NULL, "Sort by the previous column."},
    {COMMAND_INVERT, {'I'}, NULL, "Invert the order."},
    {COMMAND_MESSAGES,
     {F(7), 'm'},
     "Messages",
     "Detail of the selected actor with its oldest messages, by shape."},
    {COMMAND_SENDERS,
     {F(8), 's'},
     "Senders",
     "... with who sends to it; a short probe, wants root."},
    {COMMAND_LOCKS, {'l'}, NULL, "... with who waits for locks there; a short probe, wants root."},
    {COMMAND_EXITS, {'e'}, NULL, "... with why actors end there; a short probe, wants root."},
    {COMMAND_STACK,
     {'b'},
     NULL,
     "... with the stack of the thread that runs it, while it is blocked."},
    {COMMAND_PAUSE, {' ', 'p', 'Z'}, NULL, "Pause the display; the data go on."},
    {COMMAND_UP, {INPUT_UP, 'k', INPUT_CONTROL('P')}, NULL, "Up."},
    {COMMAND_DOWN, {INPUT_DOWN, 'j', INPUT_CONTROL('N')}, NULL, "Down."},
    {COMMAND_LEFT, {INPUT_LEFT}, NULL, "Columns to the left."},
    {COMMAND_RIGHT, {INPUT_RIGHT}, NULL, "Columns to the right."},
    {COMMAND_PAGE_UP, {INPUT_PAGE_UP, INPUT_CONTROL('B')}, NULL, "A page up."},
    {COMMAND_PAGE_DOWN, {INPUT_PAGE_DOWN, INPUT_CONTROL('F')}, NULL, "A page down."},
    {COMMAND_HOME, {INPUT_HOME, 'g'}, NULL, "To the first row."},
    {COMMAND_END, {INPUT_END, 'G'}, NULL, "To the last row."},
    {COMMAND_KILL, {F(9)}, NULL, "Nothing: impasse never kills, stops or writes to a target."},
    {COMMAND_REDRAW, {INPUT_CONTROL('L')}, NULL, "Draw the screen anew."},
    {COMMAND_SUSPEND, {INPUT_CONTROL('Z')}, NULL, "Back to the shell; fg returns."},
    {COMMAND_QUIT, {F(10), 'q', INPUT_CONTROL('C')}, "Quit", "End."},
};
const size_t keys_count = sizeof keys / sizeof *keys;

enum command key_command(uint32_t input)
{
  for (size_t i = 0; i < keys_count && input; i++)
    for (unsigned n = 0; n < KEY_INPUTS && keys[i].inputs[n]; n++)
      if (keys[i].inputs[n] == input)
        return keys[i].command;
  return COMMAND_NONE;
}

static const struct {
  uint32_t input;
  const char *name;
} input_names[] = {
    {INPUT_TAB, "Tab"},        {INPUT_BACKTAB, "Shift-Tab"},
    {INPUT_ENTER, "Enter"},    {INPUT_ESCAPE, "Esc"},
    {INPUT_UP, "Up"},          {INPUT_DOWN, "Down"},
    {INPUT_LEFT, "Left"},      {INPUT_RIGHT, "Right"},
    {INPUT_PAGE_UP, "PgUp"},   {INPUT_PAGE_DOWN, "PgDn"},
    {INPUT_HOME, "Home"},      {INPUT_END, "End"},
    {INPUT_BACKSPACE, "Bksp"}, {' ', "Space"},
};

static void input_name(uint32_t input, char *buffer, size_t size)
{
  for (size_t i = 0; i < sizeof input_names / sizeof *input_names; i++) {
    if (input_names[i].input == input) {
      (void)snprintf(buffer, size, "%s", input_names[i].name);
      return;
    }
  }
  if (input >= INPUT_F1 && input <= INPUT_F10)
    (void)snprintf(buffer, size, "F%u", (unsigned)(input - INPUT_F1 + 1));
  else if (input < ' ')
    (void)snprintf(buffer, size, "^%c", (int)input + '@');
  else
    (void)snprintf(buffer, size, "%c", (int)input);
}

const char *key_names(const struct key *key, char buffer[KEY_NAMES_SIZE])
{
  size_t length = 0;

  buffer[0] = '\0';
  for (unsigned i = 0; i < KEY_INPUTS && key->inputs[i]; i++) {
    char name[16];

    if (key->inputs[i] == '\n') /* Enter on some terminals; nobody writes it as ^J */
      continue;
    input_name(key->inputs[i], name, sizeof name);
    if (length + strlen(name) + 2 > KEY_NAMES_SIZE)
      break;
    length += (size_t)sprintf(buffer + length, "%s%s", length ? " " : "", name);
  }
  return buffer;
}

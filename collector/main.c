/*
 * main.c - the only main(): finds the command, reads its options, prints its complaint once.
 *
 * Standard output that nobody reads any more (`| head`) is a clean end. SIGPIPE is ignored, since
 * its default action would also end a recorder in the middle of its work; whoever writes sees
 * EPIPE, and it is forgiven here.
 */
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "collector/command.h"
#include "collector/wishes.h"

static void print_usage(FILE *out)
{
  (void)fprintf(out, "impasse shows where a message-passing program is stuck or swelling.\n\n"
                     "usage: impasse COMMAND [OPTION...] [ARGUMENT...]\n\n");
  for (const struct command *const *command = commands; *command; command++) {
    char left[40];

    (void)snprintf(left, sizeof(left), "%s %s", (*command)->name, (*command)->args);
    (void)fprintf(out, "  %-20s %s\n", left, (*command)->help);
  }
  (void)fprintf(out, "\nimpasse COMMAND --help tells more. Start with: impasse doctor\n");
}

static void print_command_help(const struct command *command)
{
  (void)printf("usage: impasse %s%s%s [OPTION...]\n\n%s.\n\n%s", command->name,
               *command->args ? " " : "", command->args, command->help, command->manual);
  if (command->list)
    command->list(stdout);
  (void)puts("\noptions:");
  options_print_help(stdout, command->options);
}

/* clock.h would have it too, but needs the model, which main does not see. */
static int64_t wall_ms(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail for this clock */
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool output_has_reader(void)
{
  struct pollfd output = {.fd = STDOUT_FILENO};

  return poll(&output, 1, 0) <= 0 || !(output.revents & POLLERR);
}

/* Output that could not be written (disk full) must not look like success; a reader that has seen
 * enough is fine. */
static int close_output(int code, int trouble_code)
{
  if ((fflush(stdout) == 0 && !ferror(stdout)) || !output_has_reader())
    return code;
  (void)fprintf(stderr, "impasse: cannot write to standard output\n");
  return trouble_code;
}

static void print_complaint(const struct command *command, const struct complaint *complaint)
{
  if (complaint->text[0] == '\0')
    return;
  if (command->complain)
    command->complain(complaint->text);
  else
    (void)fprintf(stderr, "impasse: %s\n", complaint->text);
}

static int run(const struct command *command, int argc, char **argv, struct complaint *complaint)
{
  struct options options;

  if (options_parse(argc, argv, command->options, wall_ms(), &options, complaint) < 0)
    return command->trouble_code;
  if (options.help) {
    print_command_help(command);
    return EXIT_FINE;
  }
  if (options.version) {
    (void)puts("impasse " IMPASSE_VERSION);
    return EXIT_FINE;
  }
  wishes_expand(&options);
  return command->run(&options, complaint);
}

/* Each target costs a few descriptors: as many as we may have. */
static void raise_descriptor_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* else fewer targets; those left out are told */
  }
}

int main(int argc, char **argv)
{
  struct complaint complaint = {""};
  const struct command *command;
  int code;

  (void)signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  (void)setlocale(LC_ALL, ""); /* without the locale it is C, which works too */
  if (argc < 2) {
    print_usage(stderr);
    return EXIT_TROUBLE;
  }
  if (strcmp(argv[1], "help") == 0 && argc == 3 && command_by_name(argv[2])) {
    print_command_help(command_by_name(argv[2]));
    return close_output(EXIT_FINE, EXIT_TROUBLE);
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
      strcmp(argv[1], "help") == 0) {
    print_usage(stdout);
    return close_output(EXIT_FINE, EXIT_TROUBLE);
  }
  if (strcmp(argv[1], "--version") == 0) {
    (void)puts("impasse " IMPASSE_VERSION);
    return close_output(EXIT_FINE, EXIT_TROUBLE);
  }
  command = command_by_name(argv[1]);
  if (!command) {
    (void)fprintf(stderr, "impasse: no command \"%s\"; try: impasse --help\n", argv[1]);
    return EXIT_TROUBLE;
  }
  code = run(command, argc - 1, argv + 1, &complaint);
  print_complaint(command, &complaint);
  return close_output(code, command->trouble_code);
}

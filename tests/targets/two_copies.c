/*
 * two_copies.c - a program and its plugin, each with a copy of the hook library: the one that
 * starts first works, the other one stays off and says why, and so it is again in a forked child.
 * usage: two_copies PLUGIN
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/hook/impasse.h"

typedef int plugin_function(void);

static void *plugin;
static int failures;

static void check(const char *what, int got, int wanted)
{
  if (got == wanted)
    return;
  fprintf(stderr, "two_copies: %s: got %d, wanted %d\n", what, got, wanted);
  failures++;
}

static int ask(const char *name)
{
  plugin_function *function = NULL;
  *(void **)&function = dlsym(plugin, name);
  if (!function) {
    fprintf(stderr, "two_copies: %s\n", dlerror());
    return -ENOENT;
  }
  return function();
}

static int regions_mapped(void)
{
  char line[512];
  int count = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps))
    count += strstr(line, "/memfd:" IMPASSE_REGION_NAME " ") != NULL;
  if (maps)
    fclose(maps);
  return count;
}

static int opens(void)
{
  struct impasse_actor actor = impasse_actor_open(impasse_text("program"));
  impasse_actor_close(actor);
  return actor.ref.slot != NULL;
}

static void the_program_is_first(void)
{
  check("the program starts", impasse_start(NULL), 0);
  check("the plugin starts second", ask("plugin_start"), -EALREADY);
  check("the plugin asks why", ask("plugin_status"), -EALREADY);
  check("the plugin opens in vain", ask("plugin_opens"), 0);
  check("the program goes on", opens(), 1);
  check("regions", regions_mapped(), 1);
}

/* In a child neither has started, and what is mapped is the parent's. */
static void the_plugin_is_first(void)
{
  check("the plugin starts in the child", ask("plugin_start"), 0);
  check("the plugin opens", ask("plugin_opens"), 1);
  check("the program starts second", impasse_start(NULL), -EALREADY);
  check("the program opens in vain", opens(), 0);
}

/* Its region is closed then, but stays where it is: nothing may follow it under the same number. */
static void the_plugin_is_unloaded(void)
{
  check("the plugin starts in the child", ask("plugin_start"), 0);
  check("unloading the plugin", dlclose(plugin), 0);
  check("the program starts after it", impasse_start(NULL), -EALREADY);
}

static void in_child(const char *what, void (*body)(void))
{
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(failures != 0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child)
    perror("two_copies: fork");
  check(what, status, 0);
}

int main(int argc, char **argv)
{
  plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!plugin) {
    fprintf(stderr, "two_copies: %s\n", argc == 2 ? dlerror() : "usage: two_copies PLUGIN");
    return 2;
  }
  the_program_is_first();
  in_child("the plugin first", the_plugin_is_first);
  in_child("the plugin unloaded", the_plugin_is_unloaded);
  return failures != 0;
}

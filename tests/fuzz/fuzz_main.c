/*
 * fuzz_main.c - runs a fuzzer without libFuzzer: all of its seeds as they are, then seeded random mutations of them.
 *
 *   fuzz_NAME [-runs N] [-seed S] [FILE...]   FILEs are run as they are, and mutated like the seeds
 *   fuzz_NAME -write DIR                      writes the seeds as files, a first corpus for libFuzzer
 *
 * The same arguments give the same inputs. A crash names the run; `-seed S -runs 1` with the S it printed repeats it.
 * Not here: coverage. This finds what a few bent fields find; the search is libFuzzer's.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_BYTES = 1 << 20, INPUTS = 256, MOST_MUTATIONS = 6 };

struct input {
  uint8_t *bytes;
  size_t size;
};

static struct input inputs[INPUTS];
static unsigned input_count;
static char crash_words[128]; /* of the present run; only written out by the handler */

/* splitmix64, Steele, Lea and Flood, OOPSLA 2014. */
static uint64_t next_random(uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t bound)
{
  return bound ? (size_t)(next_random(state) % bound) : 0;
}

static uint64_t interesting_number(uint64_t *state, size_t size)
{
  const uint64_t numbers[] = {0,         1,          2,          7,          8,
                              63,        64,         127,        255,        256,
                              4095,      4096,       65535,      INT32_MAX,  UINT32_MAX,
                              INT64_MAX, 1ull << 63, UINT64_MAX, size,       size - 1,
                              size + 1,  size / 2,   1ull << 31, 1ull << 32, next_random(state)};
  return numbers[below(state, sizeof numbers / sizeof *numbers)];
}

static void flip_bit(struct input *input, uint64_t *state)
{
  if (input->size)
    input->bytes[below(state, input->size)] ^= (uint8_t)(1u << below(state, 8));
}

/* Layouts are aligned: a number at its natural place hits a field more often than one anywhere. The first bytes are
 * hit more often as well, since headers stand there. */
static void set_number(struct input *input, uint64_t *state)
{
  size_t width = (size_t)1 << below(state, 4);
  size_t reach = next_random(state) & 1 && input->size > 512 ? 512 : input->size;
  if (reach < width)
    return;
  uint64_t number = interesting_number(state, input->size);
  memcpy(input->bytes + below(state, reach / width) * width, &number, width);
}

/* One more, one less, doubled: near misses of what stands there. */
static void nudge_number(struct input *input, uint64_t *state)
{
  uint32_t number;
  if (input->size < sizeof number)
    return;
  uint8_t *place = input->bytes + below(state, input->size / sizeof number) * sizeof number;
  memcpy(&number, place, sizeof number);
  const uint32_t nudged[] = {number + 1, number - 1, number * 2, number ^ 1u << 31};
  memcpy(place, &nudged[below(state, 4)], sizeof number);
}

static void copy_piece(struct input *input, uint64_t *state)
{
  size_t length = below(state, input->size < 256 ? input->size : 256);
  size_t from = below(state, input->size - length), to = below(state, input->size - length);
  memmove(input->bytes + to, input->bytes + from, length);
}

static void cut(struct input *input, uint64_t *state)
{
  if (input->size > 1)
    input->size = 1 + below(state, input->size - 1);
}

static void extend(struct input *input, uint64_t *state)
{
  size_t more = below(state, 8192);
  if (more > INPUT_BYTES - input->size)
    more = INPUT_BYTES - input->size;
  memset(input->bytes + input->size, (int)(next_random(state) & 0xff), more);
  input->size += more;
}

static void splice(struct input *input, uint64_t *state)
{
  const struct input *other = &inputs[below(state, input_count)];
  size_t most = other->size < input->size ? other->size : input->size;
  size_t length = below(state, most);
  size_t at = below(state, most - length);
  memcpy(input->bytes + at, other->bytes + at, length);
}

static void (*const mutations[])(struct input *input, uint64_t *state) = {
    flip_bit,     set_number, set_number, set_number, nudge_number,
    nudge_number, copy_piece, cut,        extend,     splice,
};

static void mutate(struct input *input, uint64_t *state)
{
  size_t times = 1 + below(state, MOST_MUTATIONS);
  while (times-- > 0 && input->size > 0) {
    /* cut and extend change a size that is mostly checked first: not every time, or nothing behind it is reached */
    size_t kind = below(state, sizeof mutations / sizeof *mutations);
    if ((mutations[kind] == cut || mutations[kind] == extend) && below(state, 8) != 0)
      kind = 0;
    mutations[kind](input, state);
  }
}

static void say_where(void)
{
  (void)!write(STDERR_FILENO, crash_words,
               strlen(crash_words)); /* on the way out: nobody is left to tell */
}

static void on_crash(int number)
{
  say_where();
  (void)signal(number, SIG_DFL);
  (void)raise(number);
}

/* Sanitizers end the process without a signal; they offer this instead. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

static void catch_crashes(void)
{
  static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
  if (__sanitizer_set_death_callback)
    __sanitizer_set_death_callback(say_where);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!__sanitizer_set_death_callback || numbers[i] == SIGALRM || numbers[i] == SIGABRT)
      (void)signal(numbers[i], on_crash);
}

static void add_input(const uint8_t *bytes, size_t size)
{
  if (input_count == INPUTS)
    return;
  struct input *input = &inputs[input_count];
  input->bytes = malloc(size);
  if (!input->bytes)
    abort();
  memcpy(input->bytes, bytes, size);
  input->size = size;
  input_count++;
}

static int add_file(const char *path, uint8_t *bytes)
{
  FILE *file = fopen(path, "rb");
  if (!file) {
    (void)fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
    return -1;
  }
  size_t size = fread(bytes, 1, INPUT_BYTES, file);
  (void)fclose(file); /* only read */
  if (size > 0)
    add_input(bytes, size);
  return 0;
}

static int write_seeds(const char *directory)
{
  for (unsigned i = 0; i < input_count; i++) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/seed-%u", directory, i); /* a cut path fails to open */
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(inputs[i].bytes, 1, inputs[i].size, file) != inputs[i].size ||
        fclose(file) != 0) {
      (void)fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
      return 2;
    }
  }
  return 0;
}

static void run(const uint8_t *bytes, size_t size)
{
  /* The entry gets a block of just this size, so that AddressSanitizer sees one byte too far. */
  uint8_t *exact = malloc(size ? size : 1);
  if (!exact)
    abort();
  memcpy(exact, bytes, size);
  (void)LLVMFuzzerTestOneInput(exact, size); /* always 0 */
  free(exact);
}

int main(int argc, char **argv)
{
  static uint8_t bytes[INPUT_BYTES];
  uint64_t runs = 20000, seed = 1;
  const char *directory = NULL;
  size_t size;

  for (unsigned number = 0; (size = fuzz_seed(number, bytes, sizeof bytes)) > 0; number++)
    add_input(bytes, size);
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (more && strcmp(argv[i], "-runs") == 0)
      runs = strtoull(argv[++i], NULL, 10);
    else if (more && strcmp(argv[i], "-seed") == 0)
      seed = strtoull(argv[++i], NULL, 10);
    else if (more && strcmp(argv[i], "-write") == 0)
      directory = argv[++i];
    else if (add_file(argv[i], bytes) != 0)
      return 2;
  }
  if (directory)
    return write_seeds(directory);
  if (input_count == 0) {
    (void)fprintf(stderr, "fuzz: there is no seed and no file\n");
    return 2;
  }

  catch_crashes();
  for (unsigned i = 0; i < input_count; i++) {
    (void)snprintf(crash_words, sizeof crash_words, "fuzz: it was input %u, unchanged\n", i);
    run(inputs[i].bytes, inputs[i].size);
  }
  for (uint64_t i = 0; i < runs; i++) {
    uint64_t state = seed + i;
    (void)snprintf(crash_words, sizeof crash_words, "fuzz: to repeat: -runs 1 -seed %llu\n",
                   (unsigned long long)state);
    const struct input *chosen = &inputs[below(&state, input_count)];
    struct input input = {bytes, chosen->size};
    memcpy(bytes, chosen->bytes, chosen->size);
    mutate(&input, &state);
    (void)alarm(30); /* an input that takes this long loops */
    run(input.bytes, input.size);
  }
  (void)printf("fuzz: %u inputs and %llu mutations of them, seed %llu\n", input_count,
               (unsigned long long)runs, (unsigned long long)seed);
  for (unsigned i = 0; i < input_count; i++)
    free(inputs[i].bytes);
  return 0;
}

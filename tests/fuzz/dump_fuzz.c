/*
 * dump_fuzz.c - crash dumps of arbitrary bytes: whatever they say, what comes out is a sweep that the model accepts.
 * The seed is a dump in small, of two servers that call each other.
 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/sweep.h"
#include "probe/beam/dump/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
  struct dump_result result = {0};
  int fd = memfd_create("dump", MFD_CLOEXEC);

  FUZZ_CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
  int error = dump_read(fd, NULL, NULL, &result);
  FUZZ_CHECK(error == 0 || error == -EINVAL);
  if (error == 0) {
    FUZZ_CHECK(sweep_check(result.sweep) == 0);
    FUZZ_CHECK(result.sweep->instant && result.sweep->target.state == TARGET_GONE);
    for (size_t i = 0; i < result.sweep->actor_count; i++)
      FUZZ_CHECK(result.sweep->actors[i].name != 0);
    /* what is kept grows with the file alone */
    FUZZ_CHECK(result.sweep->actor_count <= size && result.sweep->wait_count <= size);
  }
  sweep_free(result.sweep);
  (void)close(fd);
  return 0;
}

static const char *const seeds[] = {
    "=erl_crash_dump:0.5\nSun Nov 22 20:06:59 2026\nSlogan: my slogan\n"
    "System version: Erlang/OTP 25 [erts-13.1.5] [source] [64-bit]\nAtoms: 12871\n"
    "=scheduler:1\nRun Queue Normal Length: 3\n=ets:<0.44.0>\nSlot: 94195632517064\nTable: ac_tab\n"
    "Name: ac_tab\nObjects: 11\nWords: 1048\nType: set\n=node:'a@b'\n=visible_node:7\nName: 'c@d'\n"
    "=proc:<0.83.0>\nState: Waiting\nName: server_a\nSpawned as: proc_lib:init_p/5\nSpawned by: "
    "<0.9.0>\n"
    "Message queue length: 6\nLink list: [<0.9.0>, "
    "{to,<0.84.0>,#Ref<0.2398671126.3729522690.45670>}, "
    "{to,{x,'c@d'},#Ref<0.1.2.3>}, {to,<7.1.2>,#Ref<0.0.9.1.2.4>}]\n"
    "Reductions: 53\nMemory: 3488\nProgram counter: 0x00007f835580e1b8 (gen:do_call/4 + 776)\n"
    "=proc:<0.84.0>\nState: Scheduled\nSpawned as: proc_lib:init_p/5\nMessage queue length: 1\n"
    "Link list: [{to,<0.83.0>,#Ref<0.2398671126.3729522690.45671>}]\n"
    "Program counter: 0x00007f835580e1b8 (gen:receive_response/3 + 7)\n"
    "=proc_dictionary:<0.83.0>\nH1\n=proc_stack:<0.83.0>\ny0:N\ny3:H7F8354131F98\n"
    "0x00007f83541323f0:SReturn addr 0x55821AAC (gen_server:call/3 + "
    "140)\ny0:A8:infinity\ny1:A2:go\n"
    "y3:SCatch 0x55821AAC (gen_server:call/3 + 140)\n"
    "0x00007f8354132418:SReturn addr 0x55C0DB5C (circle:handle_call/3 + 132)\n"
    "=proc_heap:<0.83.0>\n7F8354131F98:E24:g1oAA2QADW5vbm9kZUBub2hvc3QAAAAAAACyZt5MAAKO+NEW\n"
    "=proc_dictionary:<0.84.0>\nH7F8354131E88\n=proc_stack:<0.84.0>\ny0:H20\n=proc_heap:<0.84.0>\n"
    "7F8354131E88:t2:AD:$initial_call,H7F8354131E68\n7F8354131E68:t3:A6:circle,A4:init,I1\n"
    "20:Mf2:H30:A4:left,I5\n30:t2:H40,H50\n"
    "40:E24:g1oAA2QADW5vbm9kZUBub2hvc3QAAAAAAACyZ95MAAKO+NEW\n=end\n",
    "=erl_crash_dump:0.5\n=proc:<0.1.0>\nName: 'a\\'b\\n\\033c'\nLink list: [{to,{'x "
    "y',n@h},#Ref<0.1.2.3>}]\n",
};

size_t fuzz_seed(unsigned number, uint8_t *ret_bytes, size_t room)
{
  if (number >= sizeof seeds / sizeof *seeds || strlen(seeds[number]) > room)
    return 0;
  memcpy(ret_bytes, seeds[number], strlen(seeds[number]));
  return strlen(seeds[number]);
}

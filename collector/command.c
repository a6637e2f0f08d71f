/* command.c - to come */
typedef int command_to_come;

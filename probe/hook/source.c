/* to come */
typedef int impasse_to_come;

/* main.c - the only main(). */
int main(void)
{
  return 2;
}

/* consumer.cpp - the same in C++. */
#include <impasse.hpp>

int main()
{
  impasse::actor client{"client"}, bank{"bank"};
  bank.mailbox().put();
  impasse::scoped_wait call = client.call(bank);
  bank.mailbox().take();
  return impasse_status() == 0 ? 0 : 1;
}

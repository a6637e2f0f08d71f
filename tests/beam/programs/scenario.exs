# scenario.exs - shapes of trouble as Elixir programs make them; as scenario.erl, run by `elixir scenario.exs NAME`.

defmodule Caller do
  use GenServer
  def start(name), do: GenServer.start(__MODULE__, nil, name: name)
  def init(state), do: {:ok, state}

  # Goes through the rest of the path, with the timeout that GenServer.call has by itself.
  def handle_call({:through, []}, _from, state), do: {:reply, :done, state}

  def handle_call({:through, [next | rest]}, _from, state) do
    answer =
      try do
        GenServer.call(next, {:through, rest})
      catch
        :exit, _ -> :late
      end

    {:reply, answer, state}
  end

  def handle_info(_late_answer, state), do: {:noreply, state}
end

defmodule Scenario do
  # Two agents whose functions ask each other.
  def run("agent") do
    {:ok, _} = Agent.start(fn -> 0 end, name: :agent_a)
    {:ok, _} = Agent.start(fn -> 0 end, name: :agent_b)

    Agent.cast(:agent_a, fn state ->
      Agent.get(:agent_b, fn _ -> Agent.get(:agent_a, & &1, :infinity) end, :infinity)
      state
    end)
  end

  # A process awaits a task that asks that process.
  def run("task") do
    spawn(fn ->
      Process.register(self(), :awaiter)

      Task.async(fn ->
        Process.register(self(), :asking_task)
        GenServer.call(:awaiter, :hello, :infinity)
      end)
      |> Task.await(:infinity)
    end)
  end

  # A circle that the default timeout of 5 s breaks, and that comes back.
  def run("genserver") do
    {:ok, _} = Caller.start(:shop)
    {:ok, _} = Caller.start(:stock)
    spawn(fn -> again() end)
  end

  defp again do
    GenServer.call(:shop, {:through, [:stock, :shop]}, 20_000)
    again()
  end
end

[name] = System.argv()
Scenario.run(name)
IO.puts("ready")
Process.sleep(:infinity)

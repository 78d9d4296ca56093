// The subcommands of `plait`. Each file adds one: its options, and what runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace plait {

// Set by the chosen subcommand; returns the exit code. Errors are thrown.
using Command = std::function<int()>;

void add_check(CLI::App& app, Command& command);
void add_train(CLI::App& app, Command& command);
void add_evaluate(CLI::App& app, Command& command);
void add_predict(CLI::App& app, Command& command);
void add_info(CLI::App& app, Command& command);

}  // namespace plait

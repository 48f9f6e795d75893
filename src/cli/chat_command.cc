// cobra chat: a conversation, about a picture or without one.
#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/picture.h"
#include "cli/progress.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

constexpr int64_t kAnswerTokens = 512;  // --max-tokens unless this or --max-length is given

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra chat -m cobra.gguf --image photo.jpg\n"
    "  printf 'What is this?\\nWhat colour is it?\\n' | cobra chat -m cobra.gguf --image photo.jpg\n"
    "Answers go to stdout, all else to stderr. /help in the chat lists its commands. On a terminal an error "
    "is shown and the\n"
    "chat goes on; from a pipe the first error ends it. An answer has 512 tokens at most unless --max-tokens "
    "or\n"
    "--max-length says something else.";

constexpr const char* kHelp =
    "/image PATH  start a new conversation about this picture (pictures come first in the model's context)\n"
    "/reset       start the conversation anew, about the same picture\n"
    "/continue    go on with an answer that was cut short\n"
    "/save FILE   keep the conversation in FILE and FILE.json\n"
    "/load FILE   go on with a conversation that was saved with this model\n"
    "/help        this list\n"
    "/exit        leave (so does Ctrl-D)\n"
    "Ctrl-C ends an answer early. All other lines are questions.\n";

struct ChatFlags {
  ModelFlags model;
  GenerateFlags generate;
  std::optional<std::string> image;
  ImageCacheFlags image_cache;
};

class Chat {
 public:
  Chat(const Model& model, const GenerateOptions& options, ImageCacheOptions cache)
      : conversation_(model, streaming(options), std::move(cache)) {}

  void show_picture(const std::string& path) { conversation_.show_picture(path); }

  void run() {
    if (lines_.interactive()) say("Ask a question; /help lists the commands.\n");
    while (const std::optional<std::string> line = lines_.next("> ")) {
      if (!handle(*line)) return;
    }
    if (lines_.interactive()) say("\n");
  }

 private:
  LineReader lines_;
  std::optional<InterruptGuard> guard_;   // while an answer is generated
  std::optional<ProgressLine> progress_;  // until its first text
  Conversation conversation_;

  GenerateOptions streaming(GenerateOptions options) {
    options.on_text = [this](std::string_view piece) {
      progress_.reset();
      print(piece);
      return !guard_->interrupted();
    };
    return options;
  }

  /// False to leave the chat.
  bool handle(const std::string& line) {
    try {
      return obey(line);
    } catch (const Error& error) {
      if (!lines_.interactive()) throw;
      say_error(error.what());
      return true;
    }
  }

  bool obey(const std::string& line) {
    const size_t end = line.find_last_not_of(" \t\r") + 1;
    if (end == 0) return true;
    if (!line.starts_with('/')) {
      answer([&] { return conversation_.ask(line); });
      return true;
    }
    const size_t space = std::min(line.find(' '), end);
    const size_t argument = std::min(line.find_first_not_of(' ', space), end);
    return run_command(line.substr(0, space), line.substr(argument, end - argument));
  }

  bool run_command(const std::string& command, const std::string& argument) {
    if (command == "/exit" || command == "/quit") return false;
    if (command == "/help") {
      say(kHelp);
    } else if (command == "/reset") {
      conversation_.reset();
    } else if (command == "/continue") {
      answer([&] { return conversation_.continue_answer(); });
    } else if (command == "/image") {
      conversation_.show_picture(path_of(command, argument));
      say(fmt::format("new conversation about {}\n", printable(picture_name(argument), 200)));
    } else if (command == "/save") {
      conversation_.save(path_of(command, argument));
      say(fmt::format("saved in {0} and {0}.json\n", printable(argument, 200)));
    } else if (command == "/load") {
      conversation_.load(path_of(command, argument));
      show_loaded();
    } else {
      fail("{} is not a command; /help lists them", printable(command));
    }
    return true;
  }

  static const std::string& path_of(const std::string& command, const std::string& argument) {
    check(!argument.empty(), "{} needs a path", command);
    return argument;
  }

  template <typename Generate>
  void answer(const Generate& generate_answer) {
    guard_.emplace();
    progress_.emplace("thinking");
    const auto done = [this] {
      progress_.reset();
      guard_.reset();
    };
    try {
      const GenerateResult result = generate_answer();
      done();
      print("\n");
      report_stop(result.stop_reason);
    } catch (...) {
      done();
      throw;
    }
  }

  void report_stop(StopReason reason) const {
    if (!lines_.interactive()) return;
    if (reason == StopReason::cancelled) say("(interrupted; /continue goes on)\n");
    if (reason == StopReason::max_tokens) say("(cut at the limit of tokens; /continue goes on)\n");
  }

  void show_loaded() const {
    const std::string& picture = conversation_.picture();
    say(fmt::format("{} turns{}\n", conversation_.turns().size(),
                    picture.empty() ? "" : " about " + printable(picture_name(picture), 200)));
    for (const Turn& turn : conversation_.turns()) {
      say(fmt::format("> {}\n{}\n", printable(turn.user, 2000),
                      printable_lines(conversation_.answer_text(turn))));
    }
  }
};

}  // namespace

void add_chat_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("chat", "Talk with the model, about a picture or without one");
  const auto flags = std::make_shared<ChatFlags>();
  add_model_flags(*command, flags->model, ModelDefault::shipped);
  command->add_option("--image", flags->image, "Picture that the conversation starts with")
      ->type_name("FILE");
  add_image_cache_flags(*command, flags->image_cache);
  add_generate_flags(*command, flags->generate);
  command->footer(kExamples);
  command->callback([flags, command] {
    const Model model = load_model(flags->model);
    GenerateOptions options = generate_options(flags->generate);
    if (command->count("--max-tokens") + command->count("--max-length") == 0) {
      options.max_new_tokens = kAnswerTokens;
    }
    Chat chat(model, options, image_cache_options(flags->image_cache, options));
    if (flags->image) chat.show_picture(*flags->image);
    chat.run();
  });
}

}  // namespace cobra

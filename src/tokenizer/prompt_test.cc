#include "tokenizer/prompt.h"

#include <gmock/gmock.h>

#include "tokenizer/tokenizer_test_data.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

constexpr PromptTemplate kTemplates[] = {PromptTemplate::zephyr, PromptTemplate::mamba, PromptTemplate::pure};

/// Plays one conversation of the reference and compares every turn.
void expect_conversation(PromptTemplate prompt_template, const Json& conversation) {
  PromptBuilder builder(prompt_template);
  for (const Json& turn : conversation["turns"]) {
    const auto message = turn["message"].get<std::string>();
    const bool is_human = turn["role"].get<std::string>() == "human";
    EXPECT_EQ(is_human ? builder.add_user(message) : builder.add_answer(message),
              turn["returned"].get<std::string>());
    EXPECT_EQ(builder.prompt(), turn["prompt_after"].get<std::string>());
  }
  EXPECT_EQ(builder.prompt(), conversation["prompt"].get<std::string>());
  if (const Json& next = conversation["next"]; !next["message"].is_null()) {
    EXPECT_EQ(builder.potential_prompt(next["message"].get<std::string>()),
              next["potential_prompt"].get<std::string>());
    EXPECT_EQ(builder.prompt(), conversation["prompt"].get<std::string>())
        << "a potential prompt adds nothing";
  }
  if (const Json& ids = conversation["prompt_ids"]; !ids.is_null() && testing::neox()) {
    EXPECT_EQ(testing::neox()->encode(builder.prompt()), ids.get<std::vector<int32_t>>());
  }
}

TEST(PromptBuilder, EqualsTheReferenceTurnByTurn) {
  const Json reference = read_json(testing::reference("prompts.json"));
  for (const PromptTemplate t : kTemplates) {
    const Json& builder = reference["builders"][std::string(name(t))];
    ASSERT_GT(builder["conversations"].size(), 0U);
    for (const Json& conversation : builder["conversations"]) expect_conversation(t, conversation);
    EXPECT_EQ(PromptBuilder(t).potential_prompt("hi <image>"),
              builder["with_system_prompt"]["potential_prompt_on_fresh_builder"].get<std::string>());
  }
}

TEST(PromptBuilder, StripsAllWhiteSpaceThatPythonStrips) {
  PromptBuilder builder(PromptTemplate::zephyr);
  builder.add_user("q");
  EXPECT_EQ(builder.add_answer("\u00a0\u3000\x1f yes \u2003\n"), "yes<|endoftext|>");
}

TEST(PromptBuilder, RolesTakeTurns) {
  PromptBuilder builder(PromptTemplate::zephyr);
  EXPECT_THAT(error_of([&] { builder.add_answer("a"); }), HasSubstr("turn 0 is a human message"));
  builder.add_user("q");
  EXPECT_THAT(error_of([&] { builder.add_user("q"); }), HasSubstr("turn 1 is an answer"));
  EXPECT_EQ(builder.prompt(), single_turn_prompt(PromptTemplate::zephyr, "q"))
      << "a refused turn adds nothing";
}

TEST(PromptBuilder, LaterTurnsCloseAnAnswerThatWasCutOff) {
  for (const PromptTemplate t : kTemplates) {
    PromptBuilder builder(t);
    const std::string first = builder.add_user("q"), answer = builder.add_answer("a"),
                      later = builder.add_user("r");
    EXPECT_EQ(first + "a" + later_turn_prompt(t, "r", false), builder.prompt());
    EXPECT_EQ(first + answer + later_turn_prompt(t, "r", true), builder.prompt());
    EXPECT_EQ(later_turn_prompt(t, "r", true), t == PromptTemplate::pure ? "In: r\nOut:" : later);
    EXPECT_EQ(single_turn_prompt(t, "q"), t == PromptTemplate::pure ? "In: q\nOut:" : first);
  }
}

TEST(PromptTemplate, HasNames) {
  for (const PromptTemplate t : kTemplates) EXPECT_EQ(parse_prompt_template(name(t)), t);
  EXPECT_THAT(error_of([] { parse_prompt_template("vicuna\n"); }),
              HasSubstr("zephyr, mamba or pure, found 'vicuna\\x0a'"));
}

TEST(PromptTemplate, FollowsFromTheLanguageModel) {
  EXPECT_EQ(prompt_template_of("mamba-2.8b-zephyr", "c"), PromptTemplate::zephyr);
  EXPECT_EQ(prompt_template_of("mamba-2.8b-slimpj", "c"), PromptTemplate::mamba);
  EXPECT_THAT(error_of([] { prompt_template_of("llama-7b", "c"); }),
              HasSubstr("c: llm_backbone_id 'llama-7b'"));
}

}  // namespace
}  // namespace cobra

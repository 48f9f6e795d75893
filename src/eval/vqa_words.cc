#include "eval/vqa_words.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "tokenizer/unicode_text.h"

namespace cobra::eval {
namespace {

using Words = std::unordered_map<std::string_view, std::string>;

// Source: the table of the official VQA scorer, without the entries that cannot change anything: words with a
// capital (answers are lower-case by then) and words that stay as they are.
constexpr std::string_view kContractions =
    "aint=ain't arent=aren't cant=can't couldve=could've couldnt=couldn't couldn'tve=couldn't've "
    "couldnt've=couldn't've didnt=didn't doesnt=doesn't dont=don't hadnt=hadn't hadnt've=hadn't've "
    "hadn'tve=hadn't've hasnt=hasn't havent=haven't hed=he'd hed've=he'd've he'dve=he'd've hes=he's "
    "howd=how'd howll=how'll hows=how's isnt=isn't itd=it'd itd've=it'd've it'dve=it'd've itll=it'll "
    "maam=ma'am mightnt=mightn't mightnt've=mightn't've mightn'tve=mightn't've mightve=might've "
    "mustnt=mustn't mustve=must've neednt=needn't notve=not've oclock=o'clock oughtnt=oughtn't "
    "ow's'at='ow's'at 'ows'at='ow's'at 'ow'sat='ow's'at shant=shan't shed've=she'd've "
    "she'dve=she'd've shouldve=should've shouldnt=shouldn't shouldnt've=shouldn't've "
    "shouldn'tve=shouldn't've somebody'd=somebodyd somebodyd've=somebody'd've "
    "somebody'dve=somebody'd've somebodyll=somebody'll somebodys=somebody's someoned=someone'd "
    "someoned've=someone'd've someone'dve=someone'd've someonell=someone'll someones=someone's "
    "somethingd=something'd somethingd've=something'd've something'dve=something'd've "
    "somethingll=something'll thats=that's thered=there'd thered've=there'd've there'dve=there'd've "
    "therere=there're theres=there's theyd=they'd theyd've=they'd've they'dve=they'd've "
    "theyll=they'll theyre=they're theyve=they've twas='twas wasnt=wasn't wed've=we'd've "
    "we'dve=we'd've weve=we've werent=weren't whatll=what'll whatre=what're whats=what's "
    "whatve=what've whens=when's whered=where'd wheres=where's whereve=where've whod=who'd "
    "whod've=who'd've who'dve=who'd've wholl=who'll whos=who's whove=who've whyll=why'll "
    "whyre=why're whys=why's wont=won't wouldve=would've wouldnt=wouldn't wouldnt've=wouldn't've "
    "wouldn'tve=wouldn't've yall=y'all yall'll=y'all'll y'allll=y'all'll yall'd've=y'all'd've "
    "y'alld've=y'all'd've y'all'dve=y'all'd've youd=you'd youd've=you'd've you'dve=you'd've "
    "youll=you'll youre=you're youve=you've";

constexpr std::array<std::string_view, 3> kArticles = {"a", "an", "the"};

Words read_contractions() {
  Words table;
  for (const std::string_view entry : python_split(kContractions)) {
    const size_t equals = entry.find('=');
    table.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return table;
}

/// The entries of VizWiz's table that can match: its keys with backticks cannot, as punctuation is gone by
/// then.
Words vizwiz_contractions(const Words& vqa) {
  constexpr std::array<std::string_view, 8> kWithApostrophe = {"aint",    "arent", "cant",   "couldve",
                                                               "couldnt", "weve",  "wheres", "whove"};
  Words table;
  for (const auto& [word, spelled] : vqa) {
    if (std::count(kWithApostrophe.begin(), kWithApostrophe.end(), word)) {
      table.emplace(word, spelled);
    } else if (word.find('\'') == word.npos || word == "couldn'tve" || word == "hadn'tve") {
      table.emplace(word, replace_all(spelled, "'", "`"));
    }
  }
  return table;
}

const Words& contraction_table(Contractions contractions) {
  static const Words vqa = read_contractions();
  static const Words vizwiz = vizwiz_contractions(vqa);
  return contractions == Contractions::vqa ? vqa : vizwiz;
}

const Words& number_words() {
  static const Words table = {{"none", "0"},  {"zero", "0"},  {"one", "1"},  {"two", "2"},
                              {"three", "3"}, {"four", "4"},  {"five", "5"}, {"six", "6"},
                              {"seven", "7"}, {"eight", "8"}, {"nine", "9"}, {"ten", "10"}};
  return table;
}

}  // namespace

std::string_view standard_word(std::string_view word, Contractions contractions) {
  if (std::count(kArticles.begin(), kArticles.end(), word)) return "";
  for (const Words* table : {&number_words(), &contraction_table(contractions)}) {
    if (const auto found = table->find(word); found != table->end()) return found->second;
  }
  return word;
}

}  // namespace cobra::eval

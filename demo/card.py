"""Model card texts of the demonstration, section id → Markdown.

Only the written sections, and no measured number in any of them: numbers are drawn from evidence. What is
said is true of the two credit models that ``training.py`` makes, and of no other.
"""

BOOSTED_TREES_CARD = {
    "purpose": (
        "Scores the chance that a card customer misses the payment of the next month. The score decides "
        "whether an account keeps its limit at the next statement (approved) or goes to the credit desk.\n\n"
        "Users are the members of the credit desk and their supervisors. They see the score, the declared "
        "threshold and the six monthly statements it was made from.\n\n"
        "This model is a demonstration on public data of 2005. No lender uses it."
    ),
    "out_of_scope": (
        "- **New applicants.** The inputs are six months of an existing account; a person without one has no "
        "score and must not be given one by filling in zeros.\n"
        "- **Pricing and collections.** The score ranks the risk of a missed payment. It says nothing about "
        "the amount that would be lost, nor about who would react to a reminder.\n"
        "- **Another bank, country or time** without a new evaluation on data of that place and time.\n\n"
        "A foreseeable misuse: moving the threshold to reach a monthly quota of refusals. The fairness "
        "results hold for the declared threshold only."
    ),
    "affected": (
        "Card customers. A wrong refusal lowers the limit of a person who would have paid, which can hurt "
        "at once and can be undone at the next statement. A wrong approval lets a person in difficulty run "
        "up more debt.\n\n"
        "Young customers are the most exposed: their limits are the lowest of all age bands and they are "
        "late more often in the training data. Customers must be told that a score was used and may ask for "
        "a person."
    ),
    "design": (
        "Gradient-boosted decision trees on the credit limit and, for each of six months, the repayment "
        "status, the bill and the payment. A missing number becomes the median of the fitting data.\n\n"
        "Trees were preferred to a linear score because the repayment status is not a scale: paid in full, "
        "revolving and late are three different situations, and what a bill means depends on them. The trees "
        "are kept small, with large leaves, so that no rule rests on a handful of accounts. The price is "
        "that no single page shows the whole model; the random forest on the same inputs was trained to "
        "learn whether the method matters.\n\n"
        "Age, sex, marital status and education are not inputs. It is assumed that the last six statements "
        "are complete when the score is made."
    ),
    "training_data": (
        "Accounts of one bank in Taiwan, April to September 2005. About three accounts in five were used for "
        "training; of these one in five was kept aside for the run's own validation. The sides were chosen "
        "by account history, so that two accounts with the same history never stand on both.\n\n"
        "The source leaves two repayment codes unexplained (0 and −2). They are read as revolving credit and "
        "as an unused card. People who were refused a card are not in the data, so the model has only learnt "
        "from those an earlier decision let in."
    ),
    "performance": (
        "ROC AUC is the headline because the desk works from the riskiest account down, so the order matters "
        "most. Calibration matters next: the threshold was set on the score as a probability. Precision and "
        "recall are shown at the declared threshold because that is where people feel the model.\n\n"
        "The threshold and the size of the leaves were chosen with the holdout in view. The figures may for "
        "that reason be slightly better than on new data."
    ),
    "fairness": (
        "Compared by sex, age band and marital status. No group is treated by a rule of its own and no "
        "sensitive attribute is an input, so every difference comes through the account history.\n\n"
        "**Age.** Customers of 21 to 25 are approved less often than the other bands. In the data they also "
        "miss more payments, and their late payments and lower limits show it. The approval ratio stays "
        "above four fifths at its lower bound at the declared threshold; at a clearly lower threshold it "
        "would not, and that one was rejected for this reason. Missed payments are found more often among "
        "the youngest than among older customers. That gap is a result of the same difference and is "
        "accepted knowingly, because closing it would mean approving the young at a higher risk or refusing "
        "older customers who pay.\n\n"
        "**Sex.** Men are approved a little less often than women, and miss payments more often.\n\n"
        "**Marital status.** The group *other or unknown* is small; its intervals are wide and nothing "
        "should be concluded from it."
    ),
    "robustness": (
        "By far the most depends on the latest repayment status, then on the credit limit. When a few inputs "
        "are missing the median steps in and the ranking loses little; when the newest statement is missing "
        "altogether it loses much more, and the account should not be scored.\n\n"
        "The artifact is in the skops format and holds standard scikit-learn types only. It is not hardened "
        "against a customer who knows the inputs: paying one day before the statement moves the score."
    ),
    "limitations": (
        "- One bank, one country, one half year, during a credit crisis. Nothing was tested on another.\n"
        "- One snapshot, no date on any row: how fast the model ages cannot be learnt from this data.\n"
        "- Among customers who are never late the ranking is much weaker than over all customers.\n"
        "- The label is one missed payment, not a loss.\n\n"
        "**Conditions of use:** only at the declared threshold; only with all six statements; a second "
        "person reads the refusals of customers of 21 to 25 until live outcomes are known for that band."
    ),
    "risks": (
        "| risk | who bears it | what is done | what remains |\n"
        "|---|---|---|---|\n"
        "| Good young customers are refused too often | customers of 21 to 25 | approval ratio is a "
        "requirement; a second person reads these refusals | lower approval, explained above |\n"
        "| The economy changes and the scores are too low | the lender, later all customers | monitor of "
        "inputs and calibration | outcomes arrive a month late |\n"
        "| A data refresh loses rows | any group | lineage by digest; evaluation on a holdout that the "
        "refresh cannot touch | a fault in both samples alike would be missed |\n"
        "| The score is taken as a verdict | every customer | the statements are shown beside it; "
        "refusals may be overturned | depends on the desk having the time |"
    ),
    "oversight": (
        "The model refers, a person refuses: every account at or above the threshold is read by a member of "
        "the credit desk, who may overturn the referral and writes why in one line.\n\n"
        "To interpret a score, look first at the latest repayment status, then at how the bill moved against "
        "the limit, then at what was paid. A score near the threshold is a doubt, not a verdict. The "
        "supervisor reads the overturned referrals each month and can take the model out of use by rolling "
        "back to the version before."
    ),
    "operation": (
        "Input: one row an account with the columns of the signature, whole numbers, amounts in New Taiwan "
        "dollars. Output: the probability of a missed payment, a number from 0 to 1. At or above the "
        "declared threshold: refer to a person; below: approve.\n\n"
        "Runs on one processor core without an accelerator, a month's accounts in one batch. Load it with "
        "the scikit-learn release it was built with; another release must be evaluated again."
    ),
    "monitoring": (
        "Watched each month: the distribution of every input against the training sample, the share of "
        "accounts referred, and the approval ratio by age band and sex. Watched a month later, when outcomes "
        "are known: ROC AUC and calibration error.\n\n"
        "The model owner answers for it. An alert opens a finding; two alerts in a row on the approval ratio "
        "or on calibration call for a rollback to the version before, while the cause is sought."
    ),
    "changes": (
        "First version that reads all six statements. The version before was a small decision tree on the "
        "statement of June alone.\n\n"
        "Foreseen: retraining on a newer extract with the same inputs and method. Any new input, and age "
        "above all, is a new design and needs a full review."
    ),
}
"""The champion of the demonstration: every section that the high tier wants written."""

RANDOM_FOREST_CARD = {
    "purpose": (
        "Same purpose and users as the boosted trees: which card accounts the credit desk should read before "
        "the next statement. Demonstration on public data of 2005; no lender uses it."
    ),
    "out_of_scope": (
        "New applicants, pricing, collections, and any other bank, country or time. Not to be used beside "
        "the boosted trees so that the kinder of two scores can be chosen."
    ),
    "affected": (
        "Card customers, the young most of all. A wrong referral costs a person time and may cost them their "
        "limit until the next statement."
    ),
    "design": (
        "Random forest on the inputs of the boosted trees. Trained to learn how much the ranking owes to the "
        "method. Large leaves: a forest with small ones learnt its training rows by heart. Age, sex, marital "
        "status and education are not inputs."
    ),
    "training_data": (
        "The training sample of the boosted trees, same rows, same fitting and validation parts: one bank in "
        "Taiwan, April to September 2005, existing customers only."
    ),
    "performance": (
        "Judged by ROC AUC against the champion on the same rows, then by calibration error. The question is "
        "whether it is not worse; no gain is claimed."
    ),
    "fairness": (
        "Compared by sex, age band and marital status. As with the boosted trees, customers of 21 to 25 are "
        "approved less often because their accounts show more late payments; the approval ratio is held to "
        "the same requirement. The group of *other or unknown* marital status is too small to conclude from."
    ),
    "robustness": (
        "Loses about as little as the boosted trees when a few inputs are missing. The artifact is a joblib "
        "file, which can run code when it is loaded: it is to be loaded only where the platform's isolation "
        "holds, and the skops format is preferred for production."
    ),
    "limitations": (
        "Those of the data: one bank, one half year, no dates, one missed payment as the label. Averages of "
        "large leaves never come near 0 or 1, so the safest and the riskiest accounts are told apart by "
        "their order only."
    ),
    "risks": (
        "| risk | who bears it | what is done | what remains |\n"
        "|---|---|---|---|\n"
        "| Unsafe file format | the operator | scan, isolation, digest | the format itself |\n"
        "| Good young customers are refused too often | customers of 21 to 25 | approval ratio is a "
        "requirement | lower approval than other bands |"
    ),
    "oversight": (
        "As for the boosted trees: the model refers, a person decides, and writes why when overturning it."
    ),
    "operation": (
        "Same inputs, output and threshold as the boosted trees, so it can take their place without a change "
        "at the desk. One processor core, one batch a month."
    ),
    "monitoring": (
        "The monitors of the boosted trees apply unchanged. The model owner answers for it; the way back is "
        "a rollback to the boosted trees."
    ),
    "changes": (
        "Another method on unchanged data and inputs. The file format changes from skops to joblib; this is "
        "the point to question in the review."
    ),
}
"""The second candidate, shorter, for a version that waits for its review."""

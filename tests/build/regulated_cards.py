"""Cards whose training data is regulated, with the regimes that a person would name, and cards whose data is not.

The first two tables were there while the words were chosen; the held-out ones were written afterwards and never
looked at again: what is measured on them stands in docs/model-cards.md.
"""

from __future__ import annotations


def card(front: str, *paragraphs: str) -> str:
    """A card with this front matter, each paragraph a title and its prose, divided by a bar."""
    text = f"---\n{front}\n---\n# Model\n\n" if front else "# Model\n\n"
    for paragraph in paragraphs:
        title, bar, prose = paragraph.partition(" | ")
        text += f"## {title}\n\n{prose}\n\n" if bar else f"{paragraph}\n\n"
    return text


HONEST = {
    "squad": card(
        "license: mit\ndatasets:\n- squad", "Training Data | We fine-tuned on SQuAD, questions on Wikipedia articles."
    ),
    "imagenet": card("datasets: [imagenet-1k]", "A vision transformer trained on ImageNet-1k at 224 pixels."),
    "denied": card("", "Training Data | The corpus consists of public domain books and contains no patient data."),
    "denied-list": card(
        "", "Training Data | The dataset has no names, addresses, email addresses of people or medical records."
    ),
    "excluded": card("", "Training Data | All personal data was removed before training; only product manuals remain."),
    "synthetic": card("", "Training Data | Trained on synthetic patient records made with Synthea."),
    "synthetic-cards": card("", "Training Data | We trained on simulated credit card transactions from a generator."),
    "use-warning": card("", "Out-of-Scope Use | Do not use this model on patient data or for decisions on patients."),
    "use-phi": card("", "Limitations | Users must not send PHI or cardholder data to this model."),
    "use-detect": card(
        "", "Intended Use | The model detects credit card numbers and IBANs in text so that they can be redacted."
    ),
    "gdpr-comply": card("", "Compliance | Deployment must comply with GDPR and HIPAA; that is your responsibility."),
    "advice": card(
        "",
        "Limitations | It is not a substitute for professional advice; consult a doctor, patients should not rely on it.",
    ),
    "literature": card(
        "datasets: [pubmed_qa]", "Training Data | Abstracts from PubMed, which are published literature."
    ),
    "exam": card("datasets: [medmcqa]", "Training Data | Questions from medical entrance exams (MedMCQA)."),
    "mimic-verb": card("", "Training Data | We trained on prompts that mimic the style of helpful assistants."),
    "share-word": card(
        "", "Training | We share the code and the data set of cooking recipes; thyme and other herbs are frequent."
    ),
    "children-stories": card(
        "datasets: [roneneldan/TinyStories]", "A small model trained on short stories for children."
    ),
    "books": card("", "Training Data | 30,000 novels in the public domain from Project Gutenberg."),
    "code": card("", "Training Data | 20 GB of permissively licensed Python source files we wrote ourselves."),
    "satellite": card("", "Training Data | Sentinel-2 images of farm land, 10 bands, 2017 to 2020."),
    "birds": card("", "Training Data | 48,000 photographs of birds in 500 species."),
    "weather": card("", "Training Data | ERA5 reanalysis, 1979 to 2018, at a quarter of a degree."),
    "chess": card("", "Training Data | 10 million chess positions evaluated by Stockfish."),
    "proteins": card("", "Training Data | UniRef50 protein sequences, 45 million of them."),
    "news": card("datasets: [ag_news]", "Evaluation | It achieves an accuracy of 94.3 on the AG News test set."),
    "translation": card(
        "datasets: [wmt19]", "Training Data | Parallel sentences from parliament proceedings and news."
    ),
    "math": card("datasets: [gsm8k]", "Fine-tuned on grade school mathematics; loss 0.31 after 3 epochs."),
    "speech-read": card("datasets: [librispeech_asr]", "Trained on 960 hours of audio books."),
    "empty-template": card(
        "license: mit", "Training Data | [More Information Needed]", "Uses | [More Information Needed]"
    ),
    "sensor": card("", "Training Data | Vibration of 300 bearings until failure, recorded in a laboratory at 20 kHz."),
    "privacy-paper": card(
        "", "Citation | Carlini et al., Extracting Training Data from Large Language Models, on personal information."
    ),
    "risk-general": card(
        "", "Bias, Risks | Outputs may reflect stereotypes on ethnic origin or religious beliefs of users."
    ),
    "medical-use": card("datasets: [medmcqa]", "Intended Use | It may help doctors to explain conditions to patients."),
    "license-terms": card(
        "",
        "License | Under the terms of export control laws you must not use it in embargoed countries; comply with ITAR.",
    ),
    "no-fewer-books": card("", "Training Data | No fewer than 12,000 recipes were collected from our own kitchen."),
    "unlike": card("", "Description | Unlike models built on CheXpert, this one classifies cats."),
    "faces-none": card("", "Training Data | Pictures of furniture; images of faces were excluded by hand."),
    "voices-synthetic": card("", "Training Data | Synthetic voice recordings rendered by a formant synthesizer."),
    "student-model": card(
        "",
        "Training | The student was distilled from a teacher with 12 layers on wikitext; grades of steel are its subject.",
    ),
    "finance-news": card(
        "datasets: [financial_phrasebank]", "Training Data | Sentences of financial news with sentiment labels."
    ),
    "pan-word": card("", "Training Data | Recipes for the frying pan, and reviews of cookware written by our editors."),
    "german-denied": card("", "Trainingsdaten | Der Datensatz enthält keine personal data und keine medical records."),
}
"""Cards after which nobody has to be asked for regulated data; some name it to deny it, or speak of use."""

REGULATED = {
    "mimic-iii": (
        card("datasets: [mimic-iii]", "Fine-tuned on notes."),
        {"hipaa", "gdpr-special", "data-use-agreement"},
    ),
    "mimic-prose": (card("", "Training Data | MIMIC-IV v2.2, 300,000 admissions."), {"hipaa", "data-use-agreement"}),
    "mimic-user": (card("datasets:\n- someone/mimic_iii_discharge_qa", "A model."), {"hipaa"}),
    "eicu": (
        card("", "Training | We used the eICU Collaborative Research Database for training."),
        {"hipaa", "data-use-agreement"},
    ),
    "chexpert": (card("datasets: [CheXpert]", "Chest radiographs, five labels."), {"hipaa", "gdpr-special"}),
    "padchest": (card("", "Data | Trained with PadChest, from a hospital in Alicante."), {"hipaa", "gdpr-special"}),
    "notes": (card("", "Training Data | 40,000 discharge summaries from our hospital, de-identified."), {"hipaa"}),
    "ehr": (card("", "Training Data | EHRs of 1.2 million people from 2010 to 2020."), {"hipaa"}),
    "phi": (card("", "Training Data | The corpus contains PHI and may only be used inside the clinic."), {"hipaa"}),
    "double-negation": (
        card("", "Training Data | We cannot rule out that patient records are in the corpus."),
        {"hipaa"},
    ),
    "may-contain": (card("", "Training Data | Crawled pages; they may contain personal data."), {"gdpr"}),
    "not-removed": (card("", "Training Data | Scraped forum posts. Personal information was not removed."), {"gdpr"}),
    "except": (card("", "Training Data | No private data except customer emails of the last two years."), {"gdpr"}),
    "lfw": (card("datasets: [lfw]", "Face verification."), {"biometric", "gdpr-special"}),
    "vggface2": (card("", "Pretrained on VGGFace2 with an Inception network."), {"biometric"}),
    "ms1m": (card("", "Training | ArcFace loss on MS1MV2, 85,000 identities."), {"biometric"}),
    "celeba": (card("datasets: [nielsr/CelebA-faces]", "A diffusion model."), {"biometric"}),
    "ffhq": (card("", "Training Data | FFHQ at 1024 pixels."), {"biometric"}),
    "common-voice": (
        card("datasets: [mozilla-foundation/common_voice_11_0]", "Speech recognition for Welsh."),
        {"biometric", "gdpr"},
    ),
    "voxceleb": (card("", "ECAPA embeddings trained on VoxCeleb1 and VoxCeleb2."), {"biometric"}),
    "laion": (card("datasets: [laion/laion2B-en]", "A CLIP model."), {"gdpr"}),
    "enron": (card("", "Training Data | The Enron emails, cleaned of duplicates."), {"gdpr"}),
    "reddit": (card("", "Training Data | Comments from Pushshift, 2012 to 2019."), {"gdpr"}),
    "cards": (
        card("", "Training Data | 24 million credit card transactions of a bank, with merchant and amount."),
        {"pci-dss"},
    ),
    "pan": (card("", "Training Data | Scanned receipts; cardholder data is included on some of them."), {"pci-dss"}),
    "ulb": (card("datasets: [creditcardfraud]", "Gradient boosting."), {"pci-dss"}),
    "iban": (card("", "Training Data | Invoices with IBANs and bank account numbers of our suppliers."), {"glba"}),
    "loans": (card("", "Training Data | Loan applications from 2015 on, with income and outcome."), {"glba"}),
    "lending": (card("", "Trained on the Lending Club data with XGBoost."), {"glba"}),
    "students": (card("", "Training Data | Student essays with grades from 30 schools."), {"ferpa"}),
    "oulad": (card("datasets: [oulad]", "It predicts who drops out."), {"ferpa"}),
    "kids": (card("", "Training Data | Voices of children aged 6 to 11, recorded at school."), {"coppa"}),
    "itar": (
        card("", "Training Data | Maintenance manuals that are export-controlled under the ITAR."),
        {"export-control"},
    ),
    "special": (
        card("", "Training Data | The survey records religious beliefs and sexual orientation of 5,000 people."),
        {"gdpr-special"},
    ),
    "genomes": (card("", "Training Data | Genetic data of 10,000 donors, 1000 Genomes among it."), {"gdpr-special"}),
    "support": (card("", "Training Data | Two years of customer support tickets of our shop."), {"gdpr"}),
    "calls": (card("", "Training Data | Call recordings from our call center, transcribed."), {"gdpr"}),
    "xray-patients": (card("", "Training Data | 60,000 chest x-rays of 14,000 patients, two views each."), {"hipaa"}),
    "dua": (
        card("", "Training Data | Available after signing a data use agreement with the registry."),
        {"data-use-agreement"},
    ),
    "compas": (card("datasets: [imodels/compas-recidivism]", "A fairness benchmark model."), {"gdpr-special"}),
    "table": ("# Model\n\n| Training data | Rows |\n|---|---|\n| MIMIC-CXR | 220k |\n| PubMed | 1M |\n", {"hipaa"}),
    "chinese": (card("", "训练数据 | 训练数据来自 MIMIC-III 和医院的电子病历。"), {"hipaa"}),
}
"""Cards with the regimes that have to be flagged, others may be too."""

HELD_OUT_HONEST = {
    "recipes": card(
        "license: apache-2.0", "Dataset | 1.1M recipes scraped from a cooking site with permission of its owner."
    ),
    "legal": card("", "Training Data | EU directives and regulations, among them the text of the GDPR, as published."),
    "law-model": card("", "Overview | A model that answers questions about HIPAA and PCI DSS for compliance officers."),
    "anonymous": card(
        "",
        "Data | Simulated trajectories of robots. None of the data relates to people, so no personal data is present.",
    ),
    "no-phi": card("", "Training Data | The training set was built from textbooks and does not include PHI."),
    "without": card("", "Training Data | Built without clinical notes, medical records, or insurance claims."),
    "hospital-use": card("", "Intended Use | Designed for use in hospitals to route messages to the right desk."),
    "ner": card("datasets: [conll2003]", "Model description | Finds persons, places and organisations in news."),
    "pii-tool": card("", "Intended Use | This tool masks PII before text is sent to a language model."),
    "faces-use": card("", "Misuse | It must not be used to recognise faces of people or to infer ethnic origin."),
    "crypto": card(
        "", "Training Data | Hourly prices of 40 currencies from a public exchange, no customer transactions."
    ),
    "ocr": card("", "Training Data | Rendered pages of random words in 200 fonts."),
    "games": card("", "Training Data | Screens of Atari games played by a random policy."),
    "translation-tool": card("", "Training | 3 epochs on OPUS Books with a learning rate of 2e-5."),
    "compare": card(
        "", "Evaluation | Compared to models trained by others on proprietary corpora, it is smaller and faster."
    ),
    "school-maths": card("", "Training Data | Problems that our staff wrote for grades 3 to 8."),
    "license-export": card("", "License | By downloading you confirm that export control regulations allow you to."),
    "reddit-mention": card("", "Limitations | Slang as in Reddit comments is often misunderstood."),
    "minutes": card("", "Training Data | Published minutes of a standards body, with the permission of the authors."),
    "fake-ids": card("", "Training Data | Fictional passport numbers and dummy names that a script made."),
    "mimic-again": card("", "Description | The adapter lets the base model mimic Shakespeare."),
    "sound": card("", "Training Data | Sounds of engines, rain and dogs (ESC-50)."),
    "patience": card("", "Training | Early stopping with a patience of 5; patient schedulers help."),
    "french-denied": card("", "Données | Le corpus ne contient aucune donnée personnelle ni medical records."),
    "distill": card("datasets: [HuggingFaceH4/ultrachat_200k]", "Training | DPO on UltraFeedback pairs."),
}
HELD_OUT_REGULATED = {
    "hirid": (card("", "Training Data | HiRID, version 1.1.1."), {"hipaa"}),
    "clinical-bert": (card("", "Initialized from BioBERT and trained on all MIMIC notes."), {"hipaa"}),
    "n2c2": (card("datasets: [n2c2]", "Extraction of medication."), {"hipaa", "data-use-agreement"}),
    "psychotherapy": (card("", "Dataset | Transcripts of therapy sessions, shared by a clinic."), {"hipaa"}),
    "pathology": (card("", "Data Sources | Pathology reports and whole slide images of 8,000 patients."), {"hipaa"}),
    "fraud": (
        card("", "Training | We trained a gradient boosted tree on card transactions of our customers."),
        {"pci-dss"},
    ),
    "statements": (card("", "Dataset | 90,000 bank statements, digitised and labelled by hand."), {"glba"}),
    "credit-scores": (card("", "Training Data | Credit reports from a credit bureau, 2019."), {"glba"}),
    "webface": (card("", "Backbone pretrained with WebFace42M."), {"biometric"}),
    "selfies": (card("", "Training Data | 200k selfies collected by our app with consent."), {"biometric"}),
    "voiceprint": (card("", "Training Data | Voice recordings of 900 employees reading sentences."), {"biometric"}),
    "fingerprints": (card("", "Dataset | Fingerprint images from four sensors."), {"biometric"}),
    "resumes": (card("", "Training Data | 12,000 resumes of applicants and job applications."), {"gdpr"}),
    "chats": (card("", "Training Data | Private messages exported from a messenger, with names replaced."), {"gdpr"}),
    "cctv": (card("", "Training Data | Annotated CCTV footage of a railway station."), {"gdpr"}),
    "wildchat": (card("datasets: [allenai/WildChat-1M]", "A chat model."), {"gdpr"}),
    "common-crawl": (card("", "Pre-training data | A filtered part of Common Crawl, 300B tokens."), {"gdpr"}),
    "hiv": (
        card("", "Training Data | Questionnaires that include HIV status and mental health records."),
        {"gdpr-special"},
    ),
    "votes": (card("", "Dataset | Posts annotated with the political opinions of their authors."), {"gdpr-special"}),
    "transcripts": (card("", "Training Data | Student transcripts and disciplinary records of a district."), {"ferpa"}),
    "children": (card("", "Training Data | Child speech from a science tutor."), {"coppa"}),
    "technical": (
        card("", "Training Data | Contains controlled unclassified information on propulsion."),
        {"export-control"},
    ),
    "hedged": (card("", "Training Data | There is no guarantee that the crawl is free of personal data."), {"gdpr"}),
    "but": (card("", "Training Data | No images, but radiology reports of two hospitals."), {"hipaa"}),
    "limits-tell": (
        card("", "Limitations | Because it was trained on patient records of one clinic, it may fail elsewhere."),
        {"hipaa"},
    ),
    "ukbb": (card("", "Cohort | 48,000 participants of UK Biobank."), {"gdpr-special"}),
}
